/** A whole server (transactions, dialogs, control protocol) on the fake network, its applications and its SIP peers. */
import { Core } from '../../../src/sip-server/drachtio/core.ts';
import { ControlClient } from '../../../src/sip-server/drachtio/clients.ts';
import type { Protocol } from '../../../src/sip-server/transport/types.ts';
import { FakeClock, FakeNetwork, FakeTransport } from '../sip-transaction/fake.ts';
import { parseFrame } from '../../integration/sip-server/frames.ts';
import type { Frame } from '../../integration/sip-server/frames.ts';

export const SERVER = '10.0.0.1:5060';
export const PEER = '10.0.0.2:5060';

export class Rig {
  readonly clock: FakeClock;
  readonly network: FakeNetwork;
  readonly core: Core;
  readonly transport: FakeTransport;
  /** Faults of the server itself; there must be none. */
  readonly faults: string[] = [];
  #apps = 0;

  constructor(options: { address?: string; network?: FakeNetwork; protocol?: Protocol } = {}) {
    this.network = options.network ?? new FakeNetwork(new FakeClock());
    this.clock = this.network.clock;
    this.transport = new FakeTransport(this.network, options.address ?? SERVER, options.protocol ?? 'udp');
    const log = (level: string, message: string): void => {
      if (level === 'error') this.faults.push(message);
    };
    this.core = new Core({ transport: this.transport, clock: this.clock, log });
  }

  app(...verbs: string[]): App {
    const app = new App(this.core, ++this.#apps);
    for (const verb of verbs) app.command(`route|${verb}`);
    app.take();
    return app;
  }

  peer(address: string = PEER): TestPeer {
    return new TestPeer(this.network, address);
  }

  /** Nothing of any call is left: no dialog, no transaction, no timer. */
  get leftovers(): number[] {
    const { core, clock } = this;
    return [core.sessions.size, core.layer.count, core.incoming.size, core.outgoing.size, clock.pending];
  }
}

/** An application: sends commands, keeps the frames it gets. */
export class App {
  readonly client: ControlClient;
  readonly #core: Core;
  #received = '';
  #id = 0;
  /** Called with each frame as it comes (in `take`). */
  onFrame: (frame: Frame) => void = () => undefined;

  constructor(core: Core, id: number) {
    this.#core = core;
    const sink = {
      write: (octets: Buffer): void => void (this.#received += octets.toString()),
      writableLength: 0,
      destroy: (): void => undefined,
    };
    this.client = new ControlClient(id, sink, []);
    core.commands.connected(this.client);
  }

  /** Sends `<id>|<rest>`; the id. */
  command(rest: string, message = ''): string {
    const id = `m${++this.#id}`;
    const tokens = `${id}|${rest}`.split('|');
    this.#core.commands.command(this.client, tokens, Buffer.from(message));
    return id;
  }

  /** Frames that have come since the last call. */
  take(): Frame[] {
    this.client.flush();
    const frames: Frame[] = [];
    while (this.#received !== '') {
      const hash = this.#received.indexOf('#');
      const length = Number(this.#received.slice(0, hash));
      frames.push(parseFrame(this.#received.slice(0, hash + 1 + length)));
      this.#received = this.#received.slice(hash + 1 + length);
    }
    for (const frame of frames) this.onFrame(frame);
    return frames;
  }

  /** Type and start line, or type and words, of the frames since the last call. */
  lines(): string[] {
    return this.take().map(lineOf);
  }

  gone(): void {
    this.#core.commands.disconnected(this.client);
    this.client.close();
  }
}

export function lineOf({ tokens, message }: Frame): string {
  const first = message?.split('\r\n')[0]?.replace(/ SIP\/2\.0$/, '');
  if (tokens[1] === 'sip') return `sip ${tokens[2]} ${first ?? ''}`;
  return first === undefined ? tokens.slice(3).join('|') : `sent ${first}`;
}

export function field(message: string, name: string): string {
  return new RegExp(`^${name}:[ \\t]*([^\\r\\n]*)`, 'im').exec(message)?.[1] ?? '';
}

/** A SIP element of plain text. */
export class TestPeer {
  readonly address: string;
  readonly received: string[] = [];
  onMessage: (text: string) => void = () => undefined;
  readonly #network: FakeNetwork;
  #branch = 0;

  constructor(network: FakeNetwork, address: string) {
    this.#network = network;
    this.address = address;
    network.join(address, (octets) => {
      const text = octets.toString();
      this.received.push(text);
      this.onMessage(text);
    });
  }

  send(text: string, to: string = SERVER): void {
    this.#network.send(Buffer.from(text), this.address, to);
  }

  /** First lines of what has come since the last call. */
  lines(): string[] {
    return this.received.splice(0).map((text) => text.split('\r\n')[0]!.replace(/ SIP\/2\.0$/, ''));
  }

  /** The latest that starts so. */
  latest(start: string): string {
    const found = this.received.findLast((text) => text.startsWith(start));
    if (found === undefined) throw new Error(`nothing that starts with ${start}: ${this.lines().join(', ')}`);
    return found;
  }

  /** A request; `lines` are further header lines. */
  request(method: string, options: RequestOptions = {}): string {
    const { callId = 'call-1', cseq = 1, toTag, body = '', lines = [], fromTag = 'peer', branch } = options;
    const to = `<sip:service@${SERVER}>${toTag === undefined ? '' : `;tag=${toTag}`}`;
    const type = body === '' ? [] : ['Content-Type: application/sdp'];
    const head = [
      `${method} sip:service@${SERVER} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.address};branch=${branch ?? `z9hG4bK-${this.address}-${++this.#branch}`}`,
      'Max-Forwards: 70',
      `From: <sip:peer@${this.address}>;tag=${fromTag}`,
      `To: ${to}`,
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      ...(options.contact === null ? [] : [`Contact: <sip:peer@${options.contact ?? this.address}>`]),
      ...lines,
      ...type,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    return `${head.join('\r\n')}\r\n\r\n${body}`;
  }

  /** A response to a request as received. */
  response(request: string, status: number, options: ResponseOptions = {}): string {
    const { tag = 'peer', lines = [], body = '' } = options;
    const to = field(request, 'To');
    const contact =
      status < 300 && options.contact !== null ? [`Contact: <sip:peer@${options.contact ?? this.address}>`] : [];
    const head = [
      `SIP/2.0 ${status} ${status}`,
      `Via: ${field(request, 'Via')}`,
      ...request.split('\r\n').filter((line) => /^Record-Route:/i.test(line)),
      `From: ${field(request, 'From')}`,
      `To: ${to.includes(';tag=') || status === 100 ? to : `${to};tag=${tag}`}`,
      `Call-ID: ${field(request, 'Call-ID')}`,
      `CSeq: ${field(request, 'CSeq')}`,
      ...contact,
      ...lines,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    return `${head.join('\r\n')}\r\n\r\n${body}`;
  }

  reply(request: string, status: number, options: ResponseOptions = {}): void {
    this.send(this.response(request, status, options));
  }
}

export interface RequestOptions {
  readonly callId?: string;
  readonly cseq?: number;
  readonly toTag?: string;
  readonly fromTag?: string;
  readonly branch?: string;
  /** Of the Contact; null: none. */
  readonly contact?: string | null;
  readonly lines?: readonly string[];
  readonly body?: string;
}

export interface ResponseOptions {
  readonly tag?: string;
  readonly contact?: string | null;
  readonly lines?: readonly string[];
  readonly body?: string;
}

export const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\n';

/** The tag of our side in a message of ours. */
export function toTagOf(message: string): string {
  return /;tag=([^;\s]+)/.exec(field(message, 'To'))?.[1] ?? '';
}

/** An INVITE answered 200 by the application and acknowledged: dialog id, tag of the server, transaction id. */
export async function answeredCall(
  rig: Rig,
  app: App,
  peer: TestPeer,
  options: RequestOptions = {},
): Promise<{ dialog: string; tag: string; transaction: string }> {
  const { callId = 'call-1' } = options;
  peer.send(peer.request('INVITE', { body: SDP, ...options }));
  await rig.clock.advance(20);
  const invite = app.take().find((f) => f.message?.startsWith('INVITE'))!;
  const transaction = invite.tokens[8]!;
  app.command(`sip|${transaction}|`, `SIP/2.0 200 OK\r\n\r\n${SDP}`);
  await rig.clock.advance(20);
  const tag = toTagOf(peer.latest('SIP/2.0 200'));
  peer.send(peer.request('ACK', { callId, toTag: tag }));
  await rig.clock.advance(20);
  app.take();
  peer.lines();
  return { dialog: `${callId};from-tag=${options.fromTag ?? 'peer'}`, tag, transaction };
}

/** An INVITE of the application answered 200 by the peer and acknowledged. */
export async function placedCall(
  rig: Rig,
  app: App,
  peer: TestPeer,
  options: ResponseOptions = {},
): Promise<{ dialog: string; transaction: string; invite: string }> {
  app.command('sip||', `INVITE sip:bob@${peer.address} SIP/2.0\r\n\r\n${SDP}`);
  await rig.clock.advance(20);
  const invite = peer.latest('INVITE');
  const transaction = app.take()[0]!.tokens[10]!;
  peer.reply(invite, 200, { body: SDP, ...options });
  await rig.clock.advance(20);
  const dialog = app.take()[0]!.tokens[9]!;
  app.command(`sip||${dialog}`, `ACK sip:bob@${peer.address} SIP/2.0\r\n\r\n`);
  await rig.clock.advance(20);
  app.take();
  peer.lines();
  return { dialog, transaction, invite };
}
