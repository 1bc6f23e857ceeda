/**
 * Event socket dialogues with FreeSWITCH: recorded from a real one through relays, and played back in its place. What the
 * adapter says must be, word for word, what a real FreeSWITCH was told and answered; identifiers that Earshot makes up are
 * followed from the recording to the run.
 */
import { EventEmitter } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { SipCaller } from '../../../media/freeswitch/index.ts';
import type { Peer } from '../../support/real.ts';

/** `sip`: an offer to FreeSWITCH and its answer. Others: one connection each; `earshot` is one command, `freeswitch` one message. */
export interface Entry {
  readonly line: string; // probe, control, channel 1 ..., sip
  readonly from: 'earshot' | 'freeswitch';
  readonly text: string;
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const LINES = ['probe', 'control'] as const;
/** What is left out of a recording: it is long, tells of the machine, or of nothing that the adapter reads. */
const LEFT_OUT =
  /^(variable_(?!sip_user_agent|rtp_local_sdp_str)|Caller-|FreeSWITCH-|Event-(Date|Calling)|Call-Direction|Presence|Hunt-)/;
const EVENTS = new Set(['CUSTOM', 'DTMF', 'MEDIA_BUG_STOP', 'CHANNEL_CALLSTATE']);

interface Uac {
  headers: Record<string, string>;
  localSdp: string;
}

interface MediaDialog {
  readonly remote: { sdp: string };
  modify(sdp: string): Promise<string>;
}

/** Splits a stream into messages: headers, an empty line, and Content-Length octets. */
class Messages {
  #rest = '';

  take(chunk: Buffer): string[] {
    this.#rest += chunk.toString('latin1');
    const messages: string[] = [];
    for (;;) {
      const end = this.#rest.indexOf('\n\n');
      if (end < 0) return messages;
      const length = Number(/^Content-Length: (\d+)/m.exec(this.#rest.slice(0, end))?.[1] ?? 0);
      if (this.#rest.length < end + 2 + length) return messages;
      messages.push(this.#rest.slice(0, end + 2 + length));
      this.#rest = this.#rest.slice(end + 2 + length);
    }
  }
}

/** A message as it is kept; null: not kept. */
function shortened(message: string): string | null {
  const end = message.indexOf('\n\n');
  const [head, body] = [message.slice(0, end), message.slice(end + 2)];
  if (!head.includes('text/event-json')) {
    const lines = head.split('\n').filter((line) => !LEFT_OUT.test(line));
    return `${lines.join('\n')}\n\n${body}`;
  }
  const event = JSON.parse(body) as Record<string, unknown>;
  if (!EVENTS.has(String(event['Event-Name']))) return null;
  const kept = JSON.stringify(Object.fromEntries(Object.entries(event).filter(([name]) => !LEFT_OUT.test(name))));
  return `Content-Length: ${String(Buffer.byteLength(kept))}\nContent-Type: text/event-json\n\n${kept}`;
}

async function listening(onSocket: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer(onSocket);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

/** Stands between the adapter and a real FreeSWITCH. */
export class Recorder {
  readonly tape: Entry[] = [];
  readonly #servers: Server[] = [];
  #connections = 0;

  /** The address to give to the engine in place of FreeSWITCH's. */
  async open({ host, port, secret }: Peer): Promise<Peer> {
    const relay = await listening((near) => {
      const line = LINES[this.#connections++] ?? `control ${String(this.#connections)}`;
      this.#relay(line, near, connect(port, host));
    });
    this.#servers.push(relay.server);
    return { host: '127.0.0.1', port: relay.port, secret };
  }

  caller(real: SipCaller): SipCaller {
    let channels = 0;
    return {
      createUAC: async (uri, options) => {
        const uac = options as Uac;
        const [host = '', port = ''] = (uac.headers['X-esl-outbound'] ?? '').split(':');
        const line = `channel ${String(++channels)}`;
        const relay = await listening((far) => this.#relay(line, connect(Number(port), host), far));
        this.#servers.push(relay.server);
        uac.headers['X-esl-outbound'] = `127.0.0.1:${String(relay.port)}`;
        const record = (offer: string, answer: string): void => {
          this.tape.push({ line: 'sip', from: 'earshot', text: `${uac.headers['User-Agent'] ?? ''}\n${offer}` });
          this.tape.push({ line: 'sip', from: 'freeswitch', text: answer });
        };
        const dialog = (await real.createUAC(uri, uac)) as MediaDialog;
        record(uac.localSdp, dialog.remote.sdp);
        const modify = dialog.modify.bind(dialog);
        dialog.modify = async (sdp) => {
          const answer = await modify(sdp);
          record(sdp, answer);
          return answer;
        };
        return dialog;
      },
    };
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }

  #relay(line: string, earshot: Socket, freeswitch: Socket): void {
    const [commands, replies] = [new Messages(), new Messages()];
    earshot.on('data', (chunk) => {
      freeswitch.write(chunk);
      for (const text of commands.take(chunk)) this.tape.push({ line, from: 'earshot', text: hidden(text) });
    });
    freeswitch.on('data', (chunk) => {
      earshot.write(chunk);
      for (const message of replies.take(chunk)) {
        const text = shortened(message);
        if (text !== null) this.tape.push({ line, from: 'freeswitch', text });
      }
    });
    earshot.on('close', () => freeswitch.end());
    freeswitch.on('close', () => earshot.end());
    for (const socket of [earshot, freeswitch]) socket.on('error', () => undefined);
  }
}

function hidden(command: string): string {
  return command.replace(/^auth .*/, 'auth SECRET');
}

/** Plays a recording in FreeSWITCH's place. `faults` is empty where everything was said as recorded. */
export class Player {
  readonly faults: string[] = [];
  readonly #tape: readonly Entry[];
  readonly #left = new Map<string, Entry[]>();
  /** Identifiers of the recording to those of this run. */
  readonly #same = new Map<string, string>();
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #connections = 0;

  constructor(tape: readonly Entry[]) {
    this.#tape = tape;
    for (const { line } of tape)
      this.#left.set(
        line,
        tape.filter((entry) => entry.line === line),
      );
  }

  async open(): Promise<Peer> {
    const { server, port } = await listening((socket) => this.#play(LINES[this.#connections++] ?? 'nothing', socket));
    this.#server = server;
    return { host: '127.0.0.1', port, secret: 'any' };
  }

  caller(): SipCaller {
    let channels = 0;
    return {
      createUAC: (_uri, options) => {
        const { headers, localSdp } = options as Uac;
        const sdp = this.#answer(`${headers['User-Agent'] ?? ''}\n${localSdp}`);
        const dialog = Object.assign(new EventEmitter(), {
          remote: { sdp },
          modify: (offer: string) => Promise.resolve(this.#answer(`${headers['User-Agent'] ?? ''}\n${offer}`)),
          destroy: () => Promise.resolve(),
        });
        const [host = '', port = ''] = (headers['X-esl-outbound'] ?? '').split(':');
        const socket = connect(Number(port), host);
        socket.once('connect', () => this.#play(`channel ${String(++channels)}`, socket, () => dialog.emit('destroy')));
        return Promise.resolve(dialog);
      },
    };
  }

  /** What Earshot said in the recording and not in this run. */
  unsaid(): string[] {
    return [...this.#left.values()]
      .flat()
      .flatMap(({ line, from, text }) => (from === 'earshot' ? [`${line}: ${text}`] : []));
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server?.close();
  }

  #play(line: string, socket: Socket, onHangup?: () => void): void {
    this.#sockets.add(socket);
    const commands = new Messages();
    this.#say(line, socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      for (const command of commands.take(chunk)) {
        this.#hear(line, hidden(command));
        this.#say(line, socket);
        if (command.includes('execute-app-name: hangup')) onHangup?.();
      }
    });
  }

  #answer(offer: string): string {
    this.#hear('sip', offer);
    return this.#left.get('sip')?.shift()?.text ?? '';
  }

  #hear(line: string, said: string): void {
    const expected = this.#left.get(line)?.shift()?.text ?? '(nothing)';
    const [theirs, ours] = [expected.match(UUID) ?? [], said.match(UUID) ?? []];
    theirs.forEach((id, index) => this.#same.set(id, this.#same.get(id) ?? ours[index] ?? id));
    if (this.#translated(expected) !== said) this.faults.push(`${line}: said ${said} where ${expected} was recorded`);
  }

  /** Everything that FreeSWITCH said before the next command. */
  #say(line: string, socket: Socket): void {
    const left = this.#left.get(line) ?? [];
    while (left[0]?.from === 'freeswitch') socket.write(this.#translated(left.shift()?.text ?? ''), 'latin1');
  }

  #translated(text: string): string {
    return text.replace(UUID, (id) => this.#same.get(id) ?? id);
  }
}
