/** The receiving half of a leg: one stream of packets, handed to every listener that the matrix allows. */
import type { AudioCodec } from '../codec/codecs.ts';
import { CLOCK_RATE } from '../codec/codecs.ts';
import { DtmfDetector } from '../rtp/dtmf.ts';
import type { RtpHeader } from '../rtp/packet.ts';
import { ReceiveTimeline } from '../rtp/timeline.ts';
import type { Link } from './link.ts';
import type { RingPool, SampleRing } from './ring.ts';

export interface SourceOptions {
  readonly pool: RingPool;
  readonly onDigit: (digit: string) => void;
}

export class Source {
  readonly timeline = new ReceiveTimeline(CLOCK_RATE);
  readonly dtmf: DtmfDetector;
  /** Links of the listeners that hear this source. */
  readonly links: Link[] = [];
  /** By payload type: what the peer may send. `event` is a telephone-event. */
  readonly payloads: (AudioCodec | 'event' | undefined)[] = new Array<undefined>(128).fill(undefined);
  /** Telephone-events go on to the listeners; else they are only reported. */
  passEvents = true;
  /** Ticks of the clock of its telephone-events in a sample. */
  eventScale = 1;
  /** Codec of the last audio packet. */
  codec: AudioCodec | null = null;
  ring: SampleRing | null = null;
  late = 0;
  /** While levels are watched: sum of squares and count of the samples since the last report. */
  watched = false;
  energy = 0;
  energySamples = 0;

  readonly #options: SourceOptions;
  #readers = 0;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.dtmf = new DtmfDetector(options.onDigit);
  }

  /** Takes one packet at `now` (ms); it is written to. False: of no payload type that was agreed. */
  receive(packet: Uint8Array, header: RtpHeader, now: number): boolean {
    const payload = this.payloads[header.payloadType];
    if (payload === undefined) return false;
    if (payload === 'event') {
      if (!this.timeline.accept(header, 0, now, this.eventScale)) return true;
      const { payloadStart, payloadEnd, marker } = header;
      this.dtmf.packet(packet, payloadStart, payloadEnd, marker, this.timeline.timestamp, now);
      for (const link of this.links) link.event(packet, header, now);
      return true;
    }
    const count = payload.samples(packet, header.payloadStart, header.payloadEnd);
    if (count === 0 || !this.timeline.accept(header, count, now, payload.clockScale)) return true;
    this.codec = payload;
    if (this.watched) {
      this.energy += payload.energy(packet, header.payloadStart, header.payloadEnd);
      this.energySamples += count;
    }
    if (this.ring !== null) this.#store(this.ring, payload, packet, header, count, now);
    this.#forward(packet, header, payload, count, now);
    return true;
  }

  /** A listener begins to read: returns the ring, made if nobody read until now. */
  addReader(): SampleRing {
    this.#readers++;
    if (this.ring === null) this.codec?.restartDecoding?.();
    return (this.ring ??= this.#options.pool.take(this.timeline.head));
  }

  removeReader(): void {
    if (--this.#readers > 0 || this.ring === null) return;
    this.#options.pool.give(this.ring);
    this.ring = null;
  }

  /** The last of the listeners that it is forwarded to gets the very packet, the others copies. */
  #forward(packet: Uint8Array, header: RtpHeader, codec: AudioCodec, count: number, now: number): void {
    let last: Link | null = null;
    for (const link of this.links) {
      if (!link.forwards(this.timeline.sequence)) continue;
      last?.audio(packet, header, codec, count, true, now);
      last = link;
    }
    last?.audio(packet, header, codec, count, false, now);
  }

  #store(ring: SampleRing, codec: AudioCodec, packet: Uint8Array, header: RtpHeader, count: number, now: number): void {
    const before = ring.head;
    const hole = ring.write(codec, packet, header.payloadStart, header.payloadEnd, count, this.timeline.timestamp);
    if (hole < 0) {
      const position = ring.positionOf(this.timeline.timestamp);
      for (const link of this.links) {
        if (link.reader.active && link.reader.position > position && !link.forwards(this.timeline.sequence)) {
          this.late++;
          break;
        }
      }
      return;
    }
    for (const { reader, listener } of this.links) {
      if (reader.active) reader.arrived(before, hole, now, listener.nextMixAt);
    }
  }
}
