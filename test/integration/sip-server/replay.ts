/**
 * Plays captured traffic of a real drachtio-server again: the client's frames as recorded, the network's messages by a
 * socket peer, and compares each frame of the server with the recorded one. Ids, times, ports, tags, branches, Call-IDs
 * and sequence numbers differ between runs: each recorded one stands for the one that took its place.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { parseFrame } from './frames.ts';
import type { Frame, RawClient } from './frames.ts';
import type { Peer } from './peer.ts';

export interface Event {
  readonly dir: 'app->srv' | 'srv->app';
  readonly section: string;
  readonly frame: string;
}

export function readCapture(name: string): Event[] {
  const text = readFileSync(new URL(`./captures/${name}`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
}

export interface ReplaySetup {
  readonly client: RawClient;
  readonly serverPort: number;
  /** By the port that the capture knows them under. */
  readonly peers: ReadonlyMap<number, Peer>;
  /** Ports of the capture where nobody listens. */
  readonly closed: ReadonlyMap<number, number>;
}

const SERVER_PORT = 5080;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}$/;

export class Replay {
  readonly #setup: ReplaySetup;
  /** What stands for what, recorded to real. */
  readonly #real = new Map<string, string>();
  /** Of the call that runs: sequence numbers go up in step. */
  #cseq: { recorded: number; real: number } | undefined;
  #protocol: 'udp' | 'tcp' = 'udp';
  /** Octets of what the peer sent last. */
  #bytes = 0;

  constructor(setup: ReplaySetup) {
    this.#setup = setup;
  }

  async run(events: readonly Event[]): Promise<void> {
    for (const [index, event] of events.entries()) {
      const where = `${event.section}, event ${index}`;
      if (event.dir === 'app->srv') {
        this.#setup.client.send(this.#toReal(parseFrame(event.frame).text));
        continue;
      }
      const recorded = parseFrame(event.frame);
      const fromNetwork = recorded.tokens[1] === 'sip' && recorded.tokens[3] !== '0';
      if (fromNetwork) await this.#play(recorded);
      this.#compare(recorded, await this.#setup.client.next(), where);
    }
  }

  // -- the network's side

  #peerOf(message: string): Peer {
    const via = /^Via: SIP\/2\.0\/(UDP|TCP) 127\.0\.0\.1:(\d+)/m.exec(message)!;
    this.#protocol = via[1] === 'UDP' ? 'udp' : 'tcp';
    const own = this.#setup.peers.get(Number(via[2]));
    if (own) return own;
    // a response: it comes from where its To was called
    const to = /^To:.*127\.0\.0\.1:(\d+)/m.exec(message);
    return this.#setup.peers.get(Number(to?.[1])) ?? this.#answering!;
  }

  /** The peer of the latest message. */
  #answering: Peer | undefined;

  async #play(recorded: Frame): Promise<void> {
    const { message = '' } = recorded;
    const byPort = this.#setup.peers.get(Number(recorded.tokens[6]));
    const peer = byPort ?? this.#peerOf(message);
    this.#answering = peer;
    this.#protocol = /^Via: SIP\/2\.0\/TCP/m.test(message) ? 'tcp' : 'udp';
    if (message.startsWith('SIP/2.0')) await this.#requested(peer, message);
    // what the capture shows has our rport in it already
    const sent = message.startsWith('SIP/2.0') ? message : message.replace(/;rport=\d+/, '');
    this.#bytes = await peer.send(this.#toReal(sent), this.#protocol);
  }

  /** The request that a recorded response answers has arrived at the peer. */
  async #requested(peer: Peer, response: string): Promise<void> {
    const branch = this.#toReal(/branch=([^;\s]+)/.exec(response)![1]!);
    const method = /^CSeq:\s*\d+ (\w+)/m.exec(response)![1]!;
    if (this.#seen.has(`${branch} ${method}`)) return;
    await peer.message((text) => text.startsWith(`${method} `) && text.includes(branch));
    this.#seen.add(`${branch} ${method}`);
  }

  readonly #seen = new Set<string>();

  // -- recorded to real

  #port(recorded: number): number {
    if (recorded === SERVER_PORT) return this.#setup.serverPort;
    return this.#setup.peers.get(recorded)?.port ?? this.#setup.closed.get(recorded) ?? recorded;
  }

  #toReal(text: string): string {
    let real = text.replace(/127\.0\.0\.1:(\d+)/g, (_, port: string) => `127.0.0.1:${this.#port(Number(port))}`);
    real = real.replace(/rport=(\d+)/g, (_, port: string) => {
      const peer = this.#setup.peers.get(Number(port));
      return `rport=${peer?.localPort(this.#protocol) ?? port}`;
    });
    for (const [recorded, value] of this.#real) real = real.replaceAll(recorded, value);
    const base = this.#cseq;
    if (base === undefined) return real;
    return real.replace(/^(cseq:\s*)(\d{6,})/gim, (_, name: string, n: string) => {
      return name + String(Number(n) - base.recorded + base.real);
    });
  }

  #learn(recorded: string | undefined, real: string | undefined, where: string): void {
    if (recorded === undefined || real === undefined || recorded === real) return;
    const known = this.#real.get(recorded);
    if (known === undefined) this.#real.set(recorded, real);
    else expect(real, where).toBe(known);
  }

  // -- comparing

  #compare(recorded: Frame, real: Frame, where: string): void {
    expect(real.tokens[0], where).toMatch(UUID);
    expect(real.tokens[1], where).toBe(recorded.tokens[1]);
    if (recorded.message !== undefined) {
      expect(real.message, `${where}: ${real.text}`).toBeDefined();
      this.#learnFrom(recorded.message, real.message!, where);
      expect(this.#fields(real.message!), where).toEqual(this.#fields(this.#toReal(recorded.message)));
    }
    const isAuthentication = recorded.tokens[5]?.startsWith('v0.9.10') === true;
    if (isAuthentication) this.#compareGreeting(real, where);
    else this.#compareTokens(recorded, real, where);
  }

  #compareGreeting(real: Frame, where: string): void {
    const hostports = `tcp/127.0.0.1:${this.#setup.serverPort},udp/127.0.0.1:${this.#setup.serverPort}`;
    expect(real.tokens[3], where).toBe('OK');
    expect(real.tokens[4]!.split(',').sort().join(','), where).toBe(hostports);
    expect(real.tokens[5], where).toMatch(/^v0\.9\.10/);
    expect(real.tokens[6]!.split(',').sort().join(','), where).toBe(hostports);
  }

  #compareTokens(recorded: Frame, real: Frame, where: string): void {
    expect(real.tokens.length, `${where}: ${real.tokens.join('|')}`).toBe(recorded.tokens.length);
    const isSip = recorded.tokens[1] === 'sip';
    // where bytes, protocol, address, port, time and transaction stand
    const at = isSip ? 3 : 5;
    const hasMeta = isSip || (recorded.tokens[4] === 'application' && recorded.message !== undefined);
    for (const [i, token] of recorded.tokens.entries()) {
      const got = real.tokens[i]!;
      const what = `${where}, token ${i} of ${real.tokens.join('|')}`;
      if (i === 0) continue;
      if (!hasMeta) expect(got, what).toBe(this.#toReal(token));
      else if (i === at) expect(Number(got), what).toBe(this.#expectedBytes(recorded, real));
      else if (i === at + 3) expect(got, what).toBe(this.#expectedPort(recorded, token));
      else if (i === at + 4) expect(got, what).toMatch(TIME);
      else if (i === at + 5) {
        this.#learn(token, got, what);
        expect(got, what).toMatch(UUID);
      } else if (isSip && i === 11 && token !== '') expect(got, what).toBe(String(this.#setup.serverPort));
      else expect(got, what).toBe(this.#toReal(token));
    }
  }

  /** The real server tells of a CANCEL the octets of its INVITE: a fault that is not copied. */
  #expectedBytes(recorded: Frame, real: Frame): number {
    if (recorded.tokens[recorded.tokens[1] === 'sip' ? 3 : 5] === '0') return 0;
    return recorded.tokens[1] === 'sip' ? this.#bytes : Buffer.byteLength(real.message!);
  }

  #expectedPort(recorded: Frame, token: string): string {
    const port = Number(token);
    const isSip = recorded.tokens[1] === 'sip';
    if (port === SERVER_PORT) return String(this.#setup.serverPort);
    const peer = this.#setup.peers.get(port);
    if (peer === undefined) return token;
    const overTcp = /^Via: SIP\/2\.0\/TCP/m.test(recorded.message ?? '');
    // a connection that the peer opened comes from another port than it listens on
    const inbound = isSip || /^SIP\/2\.0/.test(recorded.message ?? '');
    return String(overTcp && inbound ? peer.localPort('tcp') : peer.port);
  }

  #learnFrom(recorded: string, real: string, where: string): void {
    const both = (pattern: RegExp): void => {
      this.#learn(pattern.exec(recorded)?.[1], pattern.exec(real)?.[1], where);
    };
    both(/^Via:[^\r\n]*;branch=([^;\s]+)/im);
    both(/^From:[^\r\n]*;tag=([^;\s]+)/im);
    both(/^To:[^\r\n]*;tag=([^;\s]+)/im);
    both(/^RSeq:\s*(\d+)/im);
    const callId = /^Call-ID:\s*(\S+)/im;
    const known = this.#real.has(callId.exec(recorded)?.[1] ?? '');
    both(callId);
    const cseq = /^CSeq:\s*(\d{6,})/im;
    const number = cseq.exec(recorded)?.[1];
    if (number !== undefined && !known) {
      this.#cseq = { recorded: Number(number), real: Number(/^CSeq:\s*(\d+)/im.exec(real)?.[1]) };
    }
  }

  /** Start line, header fields in their order, body. Blanks and the like do not count. */
  #fields(message: string): string[] {
    const [head = '', body = ''] = message.split(/\r\n\r\n/, 2);
    const overTcp = /^Via: SIP\/2\.0\/TCP/m.test(head);
    const lines = head.split('\r\n').map((line) => plain(line, overTcp));
    return [...lines, body];
  }
}

/** Spellings that mean the same; the last two are where ours says more than the real server does (RFC 3261 19.1.1). */
function plain(line: string, overTcp: boolean): string {
  const colon = line.indexOf(':');
  const isHeader = /^[A-Za-z-]+:\s/.test(line) || /^[A-Za-z-]+:$/.test(line);
  if (!isHeader) return line;
  const name = line.slice(0, colon).toLowerCase();
  let value = line
    .slice(colon + 1)
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/\s*,\s*/g, ',');
  if (name === 'to' || name === 'from') {
    value = value.replace(/^(sips?:[^;<>]+)(;.*)?$/, '<$1>$2').replace('>;transport=tcp', ';transport=tcp>');
  }
  // a connection is named in a Contact of ours, so that requests come back by it
  if (name === 'contact' && overTcp) value = value.replace(/;transport=tcp/g, '');
  return `${name}: ${value}`;
}
