/**
 * Debian's baresip as a registered phone: a softphone with media of its own. Its microphone is a WAV file with the
 * party's tone, what it hears goes to a WAV file, and its control socket (netstrings of JSON) is the test's hand.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { G711 } from './g711.ts';
import type { Ear } from './hear.ts';
import { freePorts } from './ports.ts';
import { Child, requireProgram } from './process.ts';
import type { Person } from './server.ts';
import { SAMPLE_RATE, Sine } from './tones.ts';
import { until } from './until.ts';
import { readGrowingWav, writeWav } from './wav.ts';

const TONE_SECONDS = 60;
const RECORDING = '-dec.wav'; // as its sndfile module names what it decoded

export interface BaresipOptions {
  readonly name: string;
  readonly hz: number;
  readonly person: Person;
  readonly domain: string;
  readonly sipPort: number;
  readonly answerMode: 'auto' | 'manual';
  readonly codec?: G711;
  readonly transport?: 'udp' | 'tcp';
  /** false: it only takes calls at its own port. */
  readonly registers?: boolean;
}

export interface BaresipEvent {
  /** `REGISTER_OK`, `CALL_INCOMING`, `CALL_ESTABLISHED`, `CALL_CLOSED` ... */
  readonly type: string;
  readonly param?: string;
  readonly peeruri?: string;
}

export class Baresip implements Ear {
  readonly name: string;
  readonly hz: number;
  readonly port: number;
  readonly events: BaresipEvent[] = [];
  readonly #child: Child;
  readonly #socket: Socket;
  readonly #folder: string;
  readonly #domain: string;
  /** Size of the recording at moments: which samples had come by when. */
  readonly #growth: { at: number; file: string; bytes: number }[] = [];
  readonly #watch: NodeJS.Timeout;
  #text = '';
  #closed = false;

  private constructor(options: BaresipOptions, child: Child, socket: Socket, folder: string, port: number) {
    this.port = port;
    this.name = options.name;
    this.hz = options.hz;
    this.#domain = options.domain;
    this.#child = child;
    this.#socket = socket;
    this.#folder = folder;
    socket.on('data', (chunk) => this.#read(chunk.toString('utf8')));
    socket.on('error', () => socket.destroy());
    this.#watch = setInterval(() => this.#noteGrowth(), 10);
  }

  /** Starts and registers; resolves when the registration is accepted. */
  static async register(options: BaresipOptions): Promise<Baresip> {
    const program = requireProgram('baresip');
    const folder = mkdtempSync(join(tmpdir(), 'earshot-baresip-'));
    mkdirSync(join(folder, 'heard'));
    writeWav(join(folder, 'tone.wav'), new Sine(options.hz).next(TONE_SECONDS * SAMPLE_RATE));
    const sip = await freePorts(3); // the next one is taken for TLS
    const rtp = await freePorts(10);
    writeFileSync(join(folder, 'config'), configuration(folder, sip, sip + 2, rtp));
    writeFileSync(join(folder, 'accounts'), account(options));
    writeFileSync(join(folder, 'contacts'), '');
    const child = new Child(`baresip ${options.name}`, program, ['-4', '-f', folder]);
    try {
      const socket = await until('its control socket', () => tryConnect(sip + 2));
      const phone = new Baresip(options, child, socket, folder, sip);
      try {
        if (options.registers !== false) await phone.#registered();
      } catch (error) {
        phone.#shut();
        throw error;
      }
      return phone;
    } catch (error) {
      await child.stop('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`baresip ${options.name} could not register: ${String(error)}\n${child.output.slice(-4000)}`);
    }
  }

  get output(): string {
    return this.#child.output;
  }

  /** How often an event has come. */
  count(type: string): number {
    return this.events.filter((event) => event.type === type).length;
  }

  /** Waits until an event has come more than `before` times. */
  async event(type: string, before = 0, limitMs = 8000): Promise<void> {
    try {
      await until(`${type} at ${this.name}`, () => this.count(type) > before, limitMs);
    } catch (error) {
      throw new Error(`${String(error)}\n${this.#child.output.slice(-4000)}`);
    }
  }

  dial(to: string): void {
    this.#command('dial', `sip:${to}@${this.#domain}`);
  }

  accept(): void {
    this.#command('accept');
  }

  hangup(): void {
    this.#command('hangup');
  }

  hold(): void {
    this.#command('hold');
  }

  resume(): void {
    this.#command('resume');
  }

  /** Blind transfer (REFER). */
  transfer(to: string): void {
    this.#command('transfer', `sip:${to}@${this.#domain}`);
  }

  /** Keys, by RFC 4733. */
  press(digits: string): void {
    for (const digit of digits) this.#command('sndcode', digit);
  }

  audioBetween(from: number, to: number): Int16Array {
    this.#noteGrowth();
    const within = this.#growth.filter((entry) => entry.at >= from && entry.at <= to);
    const last = within.at(-1);
    if (last === undefined) return new Int16Array(0);
    const before = this.#growth.findLast((entry) => entry.at < from && entry.file === last.file)?.bytes ?? 0;
    const start = Math.max(0, (before - 44) / 2);
    return readGrowingWav(join(this.#folder, 'heard', last.file)).slice(start, (last.bytes - 44) / 2);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#command('quit');
    await this.#child.stop('SIGTERM');
    this.#shut();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** By its event or, where that came before the control socket stood, by what it printed. */
  async #registered(): Promise<void> {
    await until('registration', () => {
      return this.count('REGISTER_OK') > 0 || /\d+\/(UDP|TCP)\/v4\} 200/.test(this.#child.output);
    });
  }

  #shut(): void {
    clearInterval(this.#watch);
    this.#socket.destroy();
  }

  #command(command: string, params = ''): void {
    const text = JSON.stringify({ command, params, token: command });
    this.#socket.write(`${Buffer.byteLength(text)}:${text},`);
  }

  #noteGrowth(): void {
    // Its recordings are named by the second, so the last in order of name is the call of now.
    const file = readdirSync(join(this.#folder, 'heard'))
      .filter((name) => name.endsWith(RECORDING))
      .sort()
      .at(-1);
    if (file === undefined) return;
    const bytes = statSync(join(this.#folder, 'heard', file)).size;
    const last = this.#growth.at(-1);
    if (last?.file !== file || last.bytes !== bytes) this.#growth.push({ at: performance.now(), file, bytes });
  }

  /** Takes netstrings apart: `<length>:<JSON>,`. */
  #read(chunk: string): void {
    this.#text += chunk;
    for (;;) {
      const colon = this.#text.indexOf(':');
      const length = Number(this.#text.slice(0, colon));
      if (colon < 0 || this.#text.length < colon + 1 + length + 1) return;
      const message = JSON.parse(this.#text.slice(colon + 1, colon + 1 + length)) as BaresipEvent & { event?: boolean };
      this.#text = this.#text.slice(colon + 1 + length + 1);
      if (message.event === true) this.events.push(message);
    }
  }
}

function tryConnect(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

function account(options: BaresipOptions): string {
  const { person, domain } = options;
  const parameters = [
    `auth_user=${person.extension}`,
    `auth_pass=${person.password}`,
    `outbound="sip:127.0.0.1:${options.sipPort};transport=${options.transport ?? 'udp'}"`,
    `answermode=${options.answerMode}`,
    `audio_codecs=${(options.codec ?? 'PCMU').toLowerCase()}`,
    `regint=${options.registers === false ? 0 : 600}`,
    'ptime=20',
  ];
  return `<sip:${person.extension}@${domain};transport=${options.transport ?? 'udp'}>;${parameters.join(';')}\n`;
}

/** No more modules than it needs; loopback only; no STUN, no ICE, no sound card. */
function configuration(folder: string, sip: number, control: number, rtp: number): string {
  return `sip_listen 127.0.0.1:${sip}
net_interface 127.0.0.1
rtp_ports ${rtp}-${rtp + 9}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module sndfile.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:${control}
audio_source aufile,${join(folder, 'tone.wav')}
audio_player aubridge,nowhere
audio_alert aubridge,nowhere
audio_channels 1
audio_srate ${SAMPLE_RATE}
snd_path ${join(folder, 'heard')}
`;
}
