/**
 * A call in simulated time around the pure mixer: peers that number their frames, a network with jitter, loss and
 * reordering, and a record of every sample that each listener is sent. L16 keeps samples exact, so that a sum can be taken
 * apart: leg i's frame k has the value (k mod 12 + 1) * 13^i in all its samples.
 */
import { CODECS } from '../../../media/codec/codecs.ts';
import type { AudioCodec } from '../../../media/codec/codecs.ts';
import { MixBridge } from '../../../media/mixer/bridge.ts';
import type { Matrix, MixLeg } from '../../../media/mixer/bridge.ts';
import { FRAME } from '../../../media/mixer/constants.ts';
import type { Generator } from '../../../media/mixer/generator.ts';
import { MixScratch } from '../../../media/mixer/listener.ts';
import { PHASE_MS, PHASES } from '../../../media/mixer/phase.ts';
import { RingPool } from '../../../media/mixer/ring.ts';
import { parseRtp, RtpHeader, writeRtpHeader } from '../../../media/rtp/packet.ts';

export const IDS = ['a', 'b', 'c', 'd'] as const;
export const CYCLE = 12;
const BASE = CYCLE + 1;
const L16 = 96;
export const EVENT = 101;

export interface SentPacket {
  readonly at: number;
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  /** Per sample, per leg: the number of the frame that is heard (1 to 12), 0 for none. Empty for events. */
  readonly samples: readonly (readonly number[])[];
  readonly payload: Buffer;
}

export interface Arrival {
  readonly at: number;
  readonly frame: number;
}

/** Takes a sum apart into the frame numbers of the four legs. */
export function parts(value: number): number[] {
  const digits: number[] = [];
  let rest = value;
  for (let i = 0; i < IDS.length; i++) {
    digits.push(rest % BASE);
    rest = Math.floor(rest / BASE);
  }
  return digits;
}

export class Simulation {
  now = 0;
  readonly sent = new Map<string, SentPacket[]>(IDS.map((id) => [id, []]));
  readonly arrivals = new Map<string, Arrival[]>(IDS.map((id) => [id, []]));
  readonly digits: string[] = [];
  readonly bridge: MixBridge;
  readonly legs = new Map<string, MixLeg>();
  readonly #wanted = new Set<number>();
  #version = 0;
  readonly #events: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  readonly #header = new RtpHeader();
  readonly #out = new RtpHeader();

  constructor(options: { concealment?: boolean; builtIn?: (name: string) => Generator | null } = {}) {
    this.bridge = new MixBridge({
      pool: new RingPool(options.concealment ?? false),
      scratch: new MixScratch(),
      builtIn: options.builtIn ?? (() => null),
      onTicking: (phase, on) => {
        if (on) this.#wanted.add(phase);
        else this.#wanted.delete(phase);
      },
    });
    IDS.forEach((id, index) => {
      const leg = this.bridge.add(
        {
          id,
          ssrc: 1000 + index,
          firstSequence: 65000 + index, // wraps soon
          firstTimestamp: 2 ** 32 - 8000,
          passEvents: true,
          transmit: (packet) => this.#record(id, packet),
          onDigit: (digit) => this.digits.push(id + digit),
        },
        0,
      );
      this.legs.set(id, leg);
      this.bridge.configure(
        leg,
        {
          receive: new Map<number, AudioCodec | 'event'>([
            [L16, CODECS.L16],
            [EVENT, 'event'],
          ]),
          send: { codec: CODECS.L16, payloadType: L16, eventPayloadType: EVENT },
        },
        0,
      );
    });
  }

  /** Whether the bridge wants a step in any phase. */
  get ticking(): boolean {
    return this.#wanted.size > 0;
  }

  at(time: number, run: () => void): void {
    this.#events.push({ at: time, order: this.#order++, run });
  }

  apply(matrix: Matrix): void {
    this.bridge.apply(matrix, ++this.#version, this.now);
  }

  /** Schedules frame `frame` of a leg to arrive at `at`. */
  frame(
    id: string,
    at: number,
    frame: number,
    stream: Partial<{ ssrc: number; sequence: number; timestamp: number }> = {},
  ): void {
    const index = IDS.indexOf(id as (typeof IDS)[number]);
    const payload = Buffer.alloc(FRAME * 2);
    for (let i = 0; i < FRAME; i++) payload.writeInt16BE(((frame % CYCLE) + 1) * BASE ** index, i * 2);
    const sequence = (stream.sequence ?? 65500) + frame;
    const timestamp = (stream.timestamp ?? 2 ** 32 - 16000) + frame * FRAME;
    const packet = this.packet(L16, false, sequence, timestamp, stream.ssrc ?? index + 1, payload);
    this.at(at, () => {
      this.arrivals.get(id)!.push({ at: this.now, frame });
      this.receive(id, packet);
    });
  }

  packet(
    payloadType: number,
    marker: boolean,
    sequence: number,
    timestamp: number,
    ssrc: number,
    payload: Buffer,
  ): Buffer {
    const packet = Buffer.alloc(12 + payload.length);
    writeRtpHeader(packet, marker, payloadType, sequence, timestamp, ssrc);
    payload.copy(packet, 12);
    return packet;
  }

  receive(id: string, packet: Buffer): boolean {
    if (!parseRtp(packet, this.#header)) throw new Error('not RTP');
    return this.bridge.receive(this.legs.get(id)!, packet, this.#header, this.now);
  }

  /** Runs everything up to `until`, mixing in every phase that the bridge wants. */
  run(until: number): void {
    for (let step = 0; step * PHASE_MS <= until; step++) {
      const phase = step % PHASES;
      this.at(step * PHASE_MS, () => {
        if (this.#wanted.has(phase)) this.bridge.mixOnce(this.now, phase);
      });
    }
    this.#events.sort((x, y) => x.at - y.at || x.order - y.order);
    for (const event of this.#events) {
      if (event.at > until) break;
      this.now = event.at;
      event.run();
    }
  }

  #record(id: string, packet: Buffer | Uint8Array): void {
    const copy = Buffer.from(packet);
    if (!parseRtp(copy, this.#out)) throw new Error('not RTP sent');
    const { payloadType, marker, sequence, timestamp, ssrc, payloadStart, payloadEnd } = this.#out;
    const payload = copy.subarray(payloadStart, payloadEnd);
    const samples: number[][] = [];
    if (payloadType === L16) for (let i = 0; i < payload.length; i += 2) samples.push(parts(payload.readInt16BE(i)));
    this.sent.get(id)!.push({ at: this.now, payloadType, marker, sequence, timestamp, ssrc, samples, payload });
  }
}

export function matrix(rows: Readonly<Record<string, readonly string[]>>): Map<string, Set<string>> {
  return new Map(Object.entries(rows).map(([listener, sources]) => [listener, new Set(sources)]));
}

/** Numbers of the frames of one source in what was sent, one per run of equal samples. */
export function frames(packets: readonly SentPacket[], source: number): number[] {
  const runs: number[] = [];
  for (const packet of packets) {
    for (const sample of packet.samples)
      if (sample[source] !== 0 && sample[source] !== runs.at(-1)) runs.push(sample[source]!);
  }
  return runs;
}

export function counted(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => ((from + i) % CYCLE) + 1);
}
