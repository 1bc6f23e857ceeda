/**
 * Asks a FreeSWITCH, before the library connects to it, whether it is what the engine needs. drachtio-fsmrf says nothing
 * where the password is wrong and throws out of a callback where the SIP profile is missing; here each is a clear error.
 * The protocol is that of mod_event_socket: header lines, an empty line, and a body of Content-Length octets.
 */
import { connect } from 'node:net';

/** The SIP profile and the conference profile of conf/, by name. */
export const SIP_PROFILE = 'drachtio_mrf';
export const CONFERENCE_PROFILE = 'earshot';

const TIMEOUT_MS = 4000;
const MAX_OCTETS = 1_000_000;

export interface FreeSwitchAddress {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

export interface Probed {
  readonly version: string;
  /** Our own address on the way there: where FreeSWITCH can reach us. */
  readonly localAddress: string;
}

interface Message {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** @throws Error with one line that says what is wrong and where to put it right */
export async function probe({ host, port, secret }: FreeSwitchAddress): Promise<Probed> {
  const socket = connect({ host, port });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer within ${String(TIMEOUT_MS / 1000)} s`)));
  try {
    const messages = read(socket);
    const expect = async (type: string): Promise<Message> => {
      const { value, done } = await messages.next();
      if (done === true) throw new Error('the connection was closed');
      const found = value.headers.get('content-type') ?? '';
      if (found === 'text/rude-rejection')
        throw new Error("its access list (acl.conf.xml) refuses this machine's address");
      if (found !== type)
        throw new Error(`it sent ${found.slice(0, 40)} where ${type} was expected; is it an event socket?`);
      return value;
    };
    const api = async (command: string): Promise<string> => {
      socket.write(`api ${command}\n\n`);
      return (await expect('api/response')).body;
    };

    await expect('auth/request');
    socket.write(`auth ${secret}\n\n`);
    const reply = (await expect('command/reply')).headers.get('reply-text') ?? '';
    if (!reply.startsWith('+OK')) throw new Error('it refuses the password (media.freeswitch[].secret)');
    if (!new RegExp(`^\\s*${SIP_PROFILE}\\s+profile\\s.*RUNNING`, 'm').test(await api('sofia status'))) {
      throw new Error(`its SIP profile ${SIP_PROFILE} is not running; see media/freeswitch/conf`);
    }
    for (const module of ['mod_conference', 'mod_commands', 'mod_dptools', 'mod_sndfile', 'mod_tone_stream']) {
      if ((await api(`module_exists ${module}`)).trim() !== 'true') throw new Error(`it has not loaded ${module}`);
    }
    const version = /Version (\S+)/.exec(await api('version'))?.[1] ?? 'unknown';
    return { version, localAddress: (socket.localAddress ?? '127.0.0.1').replace(/^::ffff:/, '') };
  } finally {
    socket.destroy();
  }
}

async function* read(octets: AsyncIterable<Buffer>): AsyncGenerator<Message, undefined> {
  let buffer = Buffer.alloc(0);
  for await (const chunk of octets) {
    buffer = Buffer.concat([buffer, chunk]);
    if (buffer.length > MAX_OCTETS) throw new Error('it sent more than an event socket would');
    for (;;) {
      const end = buffer.indexOf('\n\n');
      if (end < 0) break;
      const headers = new Map<string, string>();
      for (const line of buffer.toString('utf8', 0, end).split('\n')) {
        const colon = line.indexOf(':');
        if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
      }
      const length = Number(headers.get('content-length') ?? 0);
      if (!Number.isInteger(length) || length < 0 || length > MAX_OCTETS)
        throw new Error('it sent no event socket message');
      if (buffer.length < end + 2 + length) break;
      const body = buffer.toString('utf8', end + 2, end + 2 + length);
      buffer = buffer.subarray(end + 2 + length);
      yield { headers, body };
    }
  }
  return undefined;
}
