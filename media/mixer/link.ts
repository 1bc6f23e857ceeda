/**
 * One allowed pair of the matrix: a listener and a source. It forwards the source's packets (its window says which) or
 * reads its ring (its reader says from where); together they pass each frame exactly once (R-HEAR-8).
 */
import type { AudioCodec } from '../codec/codecs.ts';
import type { RtpHeader } from '../rtp/packet.ts';
import { SAMPLES_PER_MS } from './constants.ts';
import type { Listener } from './listener.ts';
import { Reader } from './reader.ts';
import type { Source } from './source.ts';

export class Link {
  readonly source: Source;
  readonly listener: Listener;
  readonly reader = new Reader();

  /** Nothing that the source sent before the matrix allowed it may be heard. */
  readonly #since: number;
  /** Packets with a sequence number in [from, until) are forwarded; empty where the link reads. */
  #from = Infinity;
  #until = Infinity;
  /** Not anchored: the first packet decides the offsets. */
  #anchored = false;
  #sequenceOffset = 0;
  #timestampOffset = 0;
  /** A press in progress keeps the timestamp that it began with. */
  #eventTimestamp = NaN;
  #eventOut = 0;

  constructor(source: Source, listener: Listener) {
    this.source = source;
    this.listener = listener;
    this.#since = source.timeline.highest + 1;
    source.links.push(this);
  }

  get reading(): boolean {
    return this.reader.active;
  }

  forwards(sequence: number): boolean {
    return sequence >= this.#from && sequence < this.#until;
  }

  /** Whether a frame can be read now. */
  due(now: number): boolean {
    return this.reader.due(now, this.source.timeline.jitter / SAMPLES_PER_MS);
  }

  /** From the next packet on. `contiguous`: it follows at once upon what the listener heard of this source last. */
  startForwarding(contiguous: boolean): void {
    const { timeline } = this.source;
    this.#from = timeline.highest + 1;
    this.#until = Infinity;
    this.#anchored = contiguous;
    if (!contiguous) return;
    this.#sequenceOffset = this.listener.nextSequence - this.#from;
    this.#timestampOffset = this.listener.nextTimestamp - timeline.head;
  }

  /** Packets that are under way from before (reordered) are still passed in their own place. */
  stopForwarding(): void {
    this.#until = this.source.timeline.highest + 1;
  }

  startReading(): void {
    this.reader.start(this.source.addReader());
  }

  stopReading(): void {
    if (!this.reader.active) return;
    this.reader.stop();
    this.source.removeReader();
  }

  /** The matrix allows it no more: not one sample, not one straggler (R-HEAR-1). */
  cut(): void {
    this.stopReading();
    this.#until = this.#from = Infinity;
    const at = this.source.links.indexOf(this);
    if (at >= 0) this.source.links.splice(at, 1);
  }

  /** An audio packet of the source that this link forwards. `copy`: others need the packet as it is. */
  audio(packet: Uint8Array, header: RtpHeader, codec: AudioCodec, samples: number, copy: boolean, now: number): void {
    const { timeline } = this.source;
    const fresh = this.#anchor(now);
    this.listener.forward(
      packet,
      header,
      codec,
      fresh || timeline.restarted,
      timeline.sequence + this.#sequenceOffset,
      timeline.timestamp + this.#timestampOffset,
      samples,
      copy,
      now,
    );
  }

  /** A telephone-event packet of the source. */
  event(packet: Uint8Array, header: RtpHeader, now: number): void {
    const { sequence, timestamp } = this.source.timeline;
    if (sequence < this.#since) return;
    const forwarding = this.forwards(sequence);
    if (!this.source.passEvents || !this.listener.hearsEvents) {
      // What is kept back must not look like loss.
      if (forwarding && this.#anchored && sequence === this.source.timeline.highest) {
        this.#sequenceOffset--;
        this.#from = sequence + 1;
      }
      return;
    }
    if (forwarding) this.#anchor(now);
    else if (!this.reader.active) return;
    if (timestamp !== this.#eventTimestamp) {
      this.#eventTimestamp = timestamp;
      this.#eventOut = forwarding ? timestamp + this.#timestampOffset : this.listener.nextTimestamp;
    }
    this.listener.sendEvent(
      packet,
      header,
      forwarding ? sequence + this.#sequenceOffset : null,
      this.#eventOut,
      this.source.eventScale,
      now,
    );
  }

  /** True where this packet is the first that the listener gets by this link. */
  #anchor(now: number): boolean {
    if (this.#anchored) return false;
    const { timeline } = this.source;
    this.#anchored = true;
    this.#sequenceOffset = this.listener.nextSequence - timeline.sequence;
    this.#timestampOffset = this.listener.resumeTimestamp(now) - timeline.timestamp;
    return true;
  }
}
