/**
 * The media of a test phone: an RTP endpoint in the test process that sends its party's tone every 20 ms and keeps
 * every packet it receives. Independent of the product: it is the judge of it.
 */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { randomBytes, randomInt } from 'node:crypto';
import { PAYLOAD_TYPE, decode, encode } from './g711.ts';
import type { G711 } from './g711.ts';
import { numberedFrame } from './numbered.ts';
import { readRtp, writeRtp } from './rtp.ts';
import type { Received } from './rtp.ts';
import { FRAME, SAMPLE_RATE, Sine } from './tones.ts';
import { joinPcm } from './hear.ts';
import type { Ear } from './hear.ts';

export const EVENT_PAYLOAD_TYPE = 101; // telephone-event, RFC 4733

/** What is sent: the party's tone, frames that spell their numbers, silence, or no packets at all. */
export type Sending = 'tone' | 'numbered' | 'silence' | 'nothing';

export interface Key {
  readonly digit: string;
  readonly marker: boolean;
  readonly end: boolean;
  readonly duration: number; // samples
  readonly at: number;
}

const DIGITS = '0123456789*#ABCD';
/** More than a phone's clock would ever be off; what comes later than this may be too late for a mix. */
const LATE_MS = 8;
/** Lateness below this is not noted: timers fire on whole milliseconds. */
const NOTED_MS = 2;
const EVENT_VOLUME = 10; // -10 dBm0

export class ToneEndpoint implements Ear {
  readonly name: string;
  readonly hz: number;
  readonly codec: G711;
  readonly port: number;
  readonly received: Received[] = [];
  /** Datagrams that were not RTP. */
  notRtp = 0;
  #socket: Socket;
  #sine: Sine;
  #sending: Sending = 'tone';
  #remote: { address: string; port: number } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #deadline = 0;
  #frames = 0;
  #sequence = randomInt(0x10000);
  #timestamp = randomBytes(4).readUInt32BE(0);
  #ssrc = randomBytes(4).readUInt32BE(0);
  #marker = true;
  #key: { digit: number; packetsLeft: number; packets: number; timestamp: number } | null = null;
  #closed = false;
  /** Frames that this machine let us send late: when, and by how many ms. */
  readonly #late: { readonly at: number; readonly ms: number }[] = [];

  private constructor(name: string, hz: number, codec: G711, socket: Socket) {
    this.name = name;
    this.hz = hz;
    this.codec = codec;
    this.#socket = socket;
    this.port = socket.address().port;
    this.#sine = new Sine(hz);
    socket.on('message', (data, from) => {
      const packet = readRtp(data);
      if (packet === null) this.notRtp += 1;
      else this.received.push({ ...packet, at: performance.now(), fromPort: from.port });
    });
    socket.on('error', () => {
      // ECONNREFUSED while the far end has no socket: as on any network, the packet is lost.
    });
  }

  static open(name: string, hz: number, codec: G711 = 'PCMU'): Promise<ToneEndpoint> {
    return new Promise((resolve, reject) => {
      const socket = createSocket('udp4');
      socket.once('error', reject);
      socket.bind(0, '127.0.0.1', () => {
        socket.off('error', reject);
        resolve(new ToneEndpoint(name, hz, codec, socket));
      });
    });
  }

  get ssrc(): number {
    return this.#ssrc;
  }

  /** Starts sending, or sends elsewhere from the next frame on. */
  connect(address: string, port: number): void {
    if (this.#closed) return;
    this.#remote = { address, port };
    if (this.#timer !== null) return;
    this.#deadline = performance.now();
    this.#marker = true;
    this.#tick();
  }

  /** Stops sending; goes on recording. */
  disconnect(): void {
    this.#remote = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  send(what: Sending): void {
    this.#sending = what;
  }

  /** Presses a key by RFC 4733: an event of `milliseconds`, its end sent three times; takes the place of the audio. */
  press(digit: string, milliseconds = 100): void {
    const code = DIGITS.indexOf(digit);
    if (code < 0) throw new Error(`${digit} is not a key`);
    const packets = Math.max(2, Math.round(milliseconds / 20));
    this.#key = { digit: code, packets, packetsLeft: packets + 2, timestamp: this.#timestamp };
  }

  /** Audio packets that arrived between two moments (`performance.now()`). */
  packetsBetween(from: number, to: number): readonly Received[] {
    return this.received.filter(
      (packet) => packet.at >= from && packet.at <= to && packet.payloadType !== EVENT_PAYLOAD_TYPE,
    );
  }

  audioBetween(from: number, to: number): Int16Array {
    return joinPcm(this.packetsBetween(from, to).map((packet) => decode(codecOf(packet.payloadType), packet.payload)));
  }

  lateFrames(from: number, to: number, byMs = LATE_MS): number {
    return this.#late.filter(({ at, ms }) => at >= from && at <= to && ms > byMs).length;
  }

  /** Telephone-events received, packet by packet. */
  keys(): readonly Key[] {
    return this.received
      .filter((packet) => packet.payloadType === EVENT_PAYLOAD_TYPE && packet.payload.length >= 4)
      .map((packet) => ({
        digit: DIGITS[packet.payload[0]!] ?? '?',
        marker: packet.marker,
        end: (packet.payload[1]! & 0x80) !== 0,
        duration: packet.payload.readUInt16BE(2),
        at: packet.at,
      }));
  }

  /** Sends bytes as they are, from this endpoint's own port. */
  sendRaw(data: Buffer, address: string, port: number): void {
    if (!this.#closed) this.#socket.send(data, port, address);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.disconnect();
    this.#socket.close();
  }

  /** Sends all frames that are due by now, from absolute deadlines: a late timer delays frames but drops none. */
  #tick(): void {
    const now = performance.now();
    while (this.#deadline <= now) {
      const ms = now - this.#deadline;
      if (ms > NOTED_MS) this.#late.push({ at: now, ms });
      this.#sendFrame();
      this.#deadline += (FRAME * 1000) / SAMPLE_RATE;
    }
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, this.#deadline - performance.now()));
  }

  #sendFrame(): void {
    const pcm = this.#nextPcm();
    const timestamp = this.#timestamp;
    this.#timestamp = (this.#timestamp + FRAME) >>> 0;
    if (this.#key !== null) {
      this.#sendKey(this.#key);
      return;
    }
    if (pcm === null) {
      this.#marker = true; // a talk spurt begins after a pause (RFC 3551 section 4.1)
      return;
    }
    this.#write(PAYLOAD_TYPE[this.codec], this.#marker, timestamp, encode(this.codec, pcm));
    this.#marker = false;
  }

  #nextPcm(): Int16Array | null {
    const tone = this.#sine.next(FRAME); // goes on underneath, so that the tone never jumps in phase
    switch (this.#sending) {
      case 'tone':
        return tone;
      case 'silence':
        return new Int16Array(FRAME);
      case 'numbered':
        return numberedFrame(this.#frames++);
      case 'nothing':
        return null;
    }
  }

  #sendKey(key: { digit: number; packetsLeft: number; packets: number; timestamp: number }): void {
    const first = key.packetsLeft === key.packets + 2;
    const end = key.packetsLeft <= 3;
    const sent = Math.min(key.packets, key.packets + 3 - key.packetsLeft);
    const payload = Buffer.alloc(4);
    payload[0] = key.digit;
    payload[1] = (end ? 0x80 : 0) | EVENT_VOLUME;
    payload.writeUInt16BE(sent * FRAME, 2);
    this.#write(EVENT_PAYLOAD_TYPE, first, key.timestamp, payload);
    key.packetsLeft -= 1;
    if (key.packetsLeft === 0) {
      this.#key = null;
      this.#marker = true;
    }
  }

  #write(payloadType: number, marker: boolean, timestamp: number, payload: Buffer): void {
    if (this.#remote === null) return;
    const packet = { payloadType, marker, sequence: this.#sequence, timestamp, ssrc: this.#ssrc, payload };
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#socket.send(writeRtp(packet), this.#remote.port, this.#remote.address);
  }
}

function codecOf(payloadType: number): G711 {
  return payloadType === PAYLOAD_TYPE.PCMA ? 'PCMA' : 'PCMU';
}
