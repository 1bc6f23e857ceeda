/**
 * A phone for tests of a media engine: a UDP socket that sends numbered G.711 frames with a tone and keeps every packet that
 * it receives. It makes and reads SDP of its own, so that the engine's is judged by another's eyes.
 */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { CODECS } from '../../../media/codec/codecs.ts';

const FRAME = 160;

export interface Received {
  readonly at: number;
  readonly marker: boolean;
  readonly payloadType: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Buffer;
}

export interface PhoneOptions {
  readonly codec?: 'PCMU' | 'PCMA';
  /** Tone that it speaks; 0: it counts frames instead (see `frames`); null: silence. */
  readonly hz?: number | null;
  readonly address?: string;
  /** Default: any that is free. */
  readonly port?: number;
}

const PAYLOAD_TYPES = { PCMU: 0, PCMA: 8 } as const;
export const EVENT_TYPE = 101;

export class Phone {
  readonly received: Received[] = [];
  /** Compound packets: those that came to the RTP port, and those that came to the next one. */
  readonly rtcp: Buffer[] = [];
  readonly rtcpBeside: Buffer[] = [];
  readonly codec: 'PCMU' | 'PCMA';
  readonly address: string;
  /** Frames sent so far. */
  sent = 0;
  ssrc = Math.floor(Math.random() * 2 ** 32);
  onPacket: ((packet: Received) => void) | null = null;
  onSent: ((frame: number) => void) | null = null;
  readonly #hz: number | null;
  readonly #socket: Socket = createSocket('udp4');
  readonly #beside: Socket = createSocket('udp4');
  #port = 0;
  #target = { address: '127.0.0.1', port: 0 };
  #sequence = Math.floor(Math.random() * 65536);
  #timestamp = Math.floor(Math.random() * 2 ** 32);
  #timer: NodeJS.Timeout | undefined;
  #next = 0;

  private constructor(options: PhoneOptions) {
    this.codec = options.codec ?? 'PCMU';
    this.#hz = options.hz === undefined ? 0 : options.hz;
    this.address = options.address ?? '127.0.0.1';
  }

  static async open(options: PhoneOptions = {}): Promise<Phone> {
    const phone = new Phone(options);
    phone.#socket.bind(options.port ?? 0, phone.address);
    await once(phone.#socket, 'listening');
    phone.#port = phone.#socket.address().port;
    phone.#beside.bind(0, phone.address);
    await once(phone.#beside, 'listening');
    phone.#beside.on('message', (packet) => phone.rtcpBeside.push(packet));
    phone.#socket.on('message', (packet) => phone.#receive(packet));
    return phone;
  }

  get port(): number {
    return this.#port;
  }

  sdp(
    extra: { direction?: string; address?: string; lines?: readonly string[]; codecs?: string; mux?: boolean } = {},
  ): string {
    const type = PAYLOAD_TYPES[this.codec];
    return [
      'v=0',
      `o=phone 1 1 IN IP4 ${this.address}`,
      's=-',
      `c=IN IP4 ${extra.address ?? this.address}`,
      't=0 0',
      `m=audio ${this.#port} RTP/AVP ${extra.codecs ?? String(type)} ${EVENT_TYPE}`,
      `a=rtpmap:${type} ${this.codec}/8000`,
      `a=rtpmap:${EVENT_TYPE} telephone-event/8000`,
      `a=fmtp:${EVENT_TYPE} 0-15`,
      `a=${extra.direction ?? 'sendrecv'}`,
      `a=rtcp:${this.#beside.address().port}`,
      ...(extra.mux === true ? ['a=rtcp-mux'] : []),
      ...(extra.lines ?? []),
      '',
    ].join('\r\n');
  }

  /** Takes the address to send to out of the engine's description. */
  peer(sdp: string): void {
    const port = /^m=audio (\d+)/m.exec(sdp)?.[1];
    const address = /^c=IN IP4 (\S+)/m.exec(sdp)?.[1];
    if (port === undefined || address === undefined) throw new Error(`no address in\n${sdp}`);
    this.#target = { address, port: Number(port) };
  }

  talk(): void {
    this.#next = performance.now();
    const tick = (): void => {
      this.frame();
      this.#next += 20;
      this.#timer = setTimeout(tick, Math.max(0, this.#next - performance.now()));
    };
    tick();
  }

  hush(): void {
    clearTimeout(this.#timer);
  }

  /** Sends the next frame. */
  frame(): void {
    const pcm = new Int16Array(FRAME);
    const hz = this.#hz;
    if (hz === 0) pcm.fill(numberToSample(this.sent));
    else if (hz !== null) {
      const start = this.sent * FRAME;
      for (let i = 0; i < FRAME; i++) pcm[i] = 6000 * Math.sin((2 * Math.PI * hz * (start + i)) / 8000);
    }
    const payload = Buffer.alloc(FRAME);
    CODECS[this.codec].encode(pcm, FRAME, payload, 0);
    this.send(this.packet(PAYLOAD_TYPES[this.codec], payload));
    this.#timestamp += FRAME;
    this.onSent?.(this.sent);
    this.sent++;
  }

  /** An RTP packet with the next sequence number at the current place in time. */
  packet(payloadType: number, payload: Buffer, marker = false): Buffer {
    const packet = Buffer.alloc(12 + payload.length);
    packet[0] = 0x80;
    packet[1] = payloadType | (marker ? 0x80 : 0);
    packet.writeUInt16BE(this.#sequence++ & 0xffff, 2);
    packet.writeUInt32BE(this.#timestamp >>> 0, 4);
    packet.writeUInt32BE(this.ssrc, 8);
    payload.copy(packet, 12);
    return packet;
  }

  send(packet: Buffer): void {
    this.#socket.send(packet, this.#target.port, this.#target.address);
  }

  /** Presses a key: `updates` packets, then three with the end bit (RFC 4733). */
  press(event: number, updates = 3): void {
    for (let i = 0; i < updates + 3; i++) {
      const duration = Math.min(i + 1, updates) * FRAME;
      const payload = Buffer.from([event, i >= updates ? 0x8a : 0x0a, duration >> 8, duration & 0xff]);
      this.send(this.packet(EVENT_TYPE, payload, i === 0));
    }
    this.#timestamp += updates * FRAME;
  }

  /** Everything heard since `since` (index in `received`), decoded, in the order of arrival. */
  audio(since = 0): Int16Array {
    const packets = this.received.slice(since).filter(({ payloadType }) => payloadType === PAYLOAD_TYPES[this.codec]);
    const pcm = new Int16Array(packets.reduce((sum, { payload }) => sum + payload.length, 0));
    let at = 0;
    for (const { payload } of packets) {
      const ring = new Int16Array(2048);
      CODECS[this.codec].decode(payload, 0, payload.length, ring, 0, 2047);
      pcm.set(ring.subarray(0, payload.length), at);
      at += payload.length;
    }
    return pcm;
  }

  /** Frame numbers (modulo NUMBERS_CYCLE) of a counting peer that were heard since `since`, one per frame of 160 samples. */
  frames(since = 0): number[] {
    const pcm = this.audio(since);
    const numbers: number[] = [];
    for (let at = 0; at + FRAME <= pcm.length; at += FRAME) numbers.push(sampleToNumber(pcm[at + FRAME / 2]!));
    return numbers;
  }

  /** The number in the middle of one packet; -1: none. */
  frameOf(packet: Received): number {
    const ring = new Int16Array(1);
    CODECS[this.codec].decode(packet.payload, packet.payload.length >> 1, (packet.payload.length >> 1) + 1, ring, 0, 0);
    return sampleToNumber(ring[0]!);
  }

  close(): void {
    this.hush();
    this.#socket.close();
    this.#beside.close();
  }

  #receive(packet: Buffer): void {
    if ((packet[1] ?? 0) >= 192 && (packet[1] ?? 0) <= 223) {
      this.rtcp.push(packet);
      return;
    }
    const received: Received = {
      at: performance.now(),
      marker: (packet[1]! & 0x80) !== 0,
      payloadType: packet[1]! & 0x7f,
      sequence: packet.readUInt16BE(2),
      timestamp: packet.readUInt32BE(4),
      ssrc: packet.readUInt32BE(8),
      payload: packet.subarray(12),
    };
    this.received.push(received);
    this.onPacket?.(received);
  }
}

/** Frame numbers are counted modulo this. */
export const NUMBERS_CYCLE = 50;

/** Every other code of PCMU, from the loudest: far enough apart to survive PCMA. */
const NUMBERS = Array.from({ length: NUMBERS_CYCLE }, (_, i) => {
  const ring = new Int16Array(1);
  CODECS.PCMU.decode(Uint8Array.of(0x80 + 2 * i), 0, 1, ring, 0, 0);
  return ring[0]!;
});

function numberToSample(frame: number): number {
  return NUMBERS[frame % NUMBERS_CYCLE]!;
}

/** -1: no frame of a counting peer (silence). */
function sampleToNumber(sample: number): number {
  const distances = NUMBERS.map((number) => Math.abs(number - sample));
  const nearest = distances.indexOf(Math.min(...distances));
  return sample < NUMBERS.at(-1)! / 2 ? -1 : nearest;
}

/**
 * Power of one frequency against all power, 0 to 1, in windows of 100 ms (Goertzel): a lost or late frame in between does not
 * matter, and frequencies that are multiples of 10 Hz do not disturb each other.
 */
export function share(pcm: Int16Array, hz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / 8000);
  const window = Math.min(800, pcm.length);
  let power = 0;
  let energy = 0;
  for (let start = 0; window > 0 && start + window <= pcm.length; start += window) {
    let s1 = 0;
    let s2 = 0;
    for (let i = start; i < start + window; i++) {
      const s0 = pcm[i]! + coefficient * s1 - s2;
      s2 = s1;
      s1 = s0;
      energy += pcm[i]! * pcm[i]!;
    }
    power += (2 * (s1 * s1 + s2 * s2 - coefficient * s1 * s2)) / window;
  }
  return energy === 0 ? 0 : power / energy;
}

export async function until(condition: () => boolean, what: string, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits until the phone has received so many more packets. */
export function packets(phone: Phone, count: number): Promise<void> {
  const from = phone.received.length;
  return until(() => phone.received.length >= from + count, `${count} packets have come`);
}
