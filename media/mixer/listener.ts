/**
 * The sending half of a leg: one RTP stream with one SSRC, whose sequence numbers and timestamps go on whatever it carries:
 * a source's packets as they come (one allowed source), the mix of several, or nothing.
 */
import type { AudioCodec } from '../codec/codecs.ts';
import { transcoding } from '../codec/codecs.ts';
import type { RtpHeader } from '../rtp/packet.ts';
import { HEADER_LENGTH, MAX_PACKET, writeRtpHeader } from '../rtp/packet.ts';
import { FRAME, FRAME_MS, SAMPLES_PER_MS } from './constants.ts';
import type { Generator } from './generator.ts';
import { Link } from './link.ts';
import { bestPhase, PHASES } from './phase.ts';
import type { Source } from './source.ts';

/** deaf: nothing allowed. forward: one source, packet by packet. mix: the sum of what is allowed, frame by frame. */
export type ListenerMode = 'deaf' | 'forward' | 'mix';

/** A socket may still hold a packet when the next is written; so they go out of a few slots of memory in turn. */
const SLOTS = 4;

class Slot {
  readonly memory: Uint8Array;
  #view: Uint8Array;

  constructor(memory: Uint8Array) {
    this.memory = memory;
    this.#view = memory;
  }

  /** Its first octets; the same object as long as packets have one length, which they mostly have. */
  packet(length: number): Uint8Array {
    if (this.#view.length !== length) this.#view = this.memory.subarray(0, length);
    return this.#view;
  }
}

/** A pause in what is sent that is shorter than this is jitter, and timestamps go on without a gap: 60 ms. */
const MIN_PAUSE = 60 * SAMPLES_PER_MS;
/** So long after its last packet, in ms, the mix waits for the source that was forwarded, so that there is no hole in it. */
const MAX_WAIT_MS = 60;

/** Working memory of one thread's mixer. */
export class MixScratch {
  readonly sum = new Int32Array(FRAME);
  readonly generated = new Int16Array(FRAME);
}

export interface ListenerOptions {
  readonly ssrc: number;
  readonly firstSequence: number;
  readonly firstTimestamp: number;
  readonly scratch: MixScratch;
  /** Sends a packet, whose memory is written to again some packets later. */
  readonly transmit: (packet: Uint8Array) => void;
}

export class Listener {
  readonly ssrc: number;
  mode: ListenerMode = 'deaf';
  nextSequence: number;
  nextTimestamp: number;
  packetsSent = 0;
  octetsSent = 0;
  lastSentAt: number;
  /** In which of the steps of a frame its mix is made. */
  phase: number;
  /** When the next frame is mixed. */
  nextMixAt = 0;

  #codec: AudioCodec | null = null;
  #payloadType = 0;
  #eventPayloadType = -1;
  #eventScale = 1;
  /** The RTP clock: ticks in a sample, and what it read at sample 0. */
  #clockScale = 1;
  #clockOrigin = 0;
  #links: Link[] = [];
  #generators: readonly Generator[] = [];
  /** The link that was forwarded before the mix and must not get a hole. */
  #continued: Link | null = null;
  #started = false;
  #unsent = 0; // frames of the mix since the last that was sent
  #contiguous = false;
  #slot = 0;
  readonly #slots: readonly Slot[];
  readonly #options: ListenerOptions;

  constructor(options: ListenerOptions, now: number) {
    this.#options = options;
    this.ssrc = options.ssrc;
    this.nextSequence = options.firstSequence;
    this.nextTimestamp = options.firstTimestamp;
    this.lastSentAt = now;
    this.phase = options.ssrc % PHASES;
    const memory = Buffer.alloc(SLOTS * MAX_PACKET);
    this.#slots = Array.from(
      { length: SLOTS },
      (_, i) => new Slot(memory.subarray(i * MAX_PACKET, (i + 1) * MAX_PACKET)),
    );
  }

  get hearsEvents(): boolean {
    return this.#eventPayloadType >= 0;
  }

  get codec(): AudioCodec | null {
    return this.#codec;
  }

  /** What was agreed with the peer; `eventPayloadType` -1: no telephone-events. */
  configure(codec: AudioCodec | null, payloadType: number, eventPayloadType: number, eventScale = 1): void {
    this.#codec = codec;
    this.#eventScale = eventScale;
    const scale = codec?.clockScale ?? this.#clockScale;
    // A codec with another clock goes on at the tick that the former came to.
    this.#clockOrigin += this.nextTimestamp * (this.#clockScale - scale);
    this.#clockScale = scale;
    this.#payloadType = payloadType;
    this.#eventPayloadType = eventPayloadType;
  }

  /** The RTP timestamp of a sample; it may lie beyond 32 bits. */
  rtpTimestamp(sample: number): number {
    return this.#clockOrigin + sample * this.#clockScale;
  }

  /**
   * From now on exactly these are heard. What stays allowed goes on without a gap, a loss or a repetition, also where
   * forwarding turns into mixing or back (R-HEAR-8); what is allowed no more ends at once, with all that was buffered.
   */
  tune(sources: readonly Source[], generators: readonly Generator[], now: number): void {
    const codec = this.#codec;
    for (const link of this.#links) if (!sources.includes(link.source)) link.cut();
    const links = sources.map((source) => this.#links.find((link) => link.source === source) ?? new Link(source, this));
    const only = links.length === 1 && generators.length === 0 ? links[0]! : null;
    let mode: ListenerMode = 'mix';
    if (codec === null || links.length + generators.length === 0) mode = 'deaf';
    else if (only !== null && forwardable(only.source, codec)) mode = 'forward';
    if (mode === 'mix' && this.mode !== 'mix') {
      codec?.restartEncoding?.();
      this.phase = bestPhase(sources, now, this.phase);
    }
    const former = this.mode === 'forward' ? this.#links[0]! : null;
    const kept = new Set(this.#links);

    if (mode === 'forward') this.#toForward(only!, former, kept.has(only!), now);
    else if (mode === 'mix') this.#toMix(links, former, kept);
    else for (const link of links) link.cut();
    this.mode = mode;
    this.#links = mode === 'deaf' ? [] : links;
    this.#generators = generators;
  }

  /** Passes one packet of the only source. */
  forward(
    packet: Uint8Array,
    header: RtpHeader,
    from: AudioCodec,
    marker: boolean,
    sequence: number,
    timestamp: number,
    samples: number,
    copy: boolean,
    now: number,
  ): void {
    const how = this.#codec === null ? null : transcoding(from, this.#codec);
    if (how === null) return;
    const { payloadStart, payloadEnd } = header;
    const length = HEADER_LENGTH + payloadEnd - payloadStart;
    const inPlace = !copy && payloadStart === HEADER_LENGTH;
    let out = packet;
    if (!inPlace) out = this.#nextSlot().packet(length);
    else if (packet.length !== length) out = packet.subarray(0, length);
    if (how !== 'same') {
      for (let from = payloadStart, to = HEADER_LENGTH; from < payloadEnd; from++, to++) out[to] = how[packet[from]!]!;
    } else if (!inPlace) {
      for (let from = payloadStart, to = HEADER_LENGTH; from < payloadEnd; from++, to++) out[to] = packet[from]!;
    }
    const rtpTimestamp = this.#clockOrigin + timestamp * this.#clockScale;
    writeRtpHeader(out, marker || header.marker, this.#payloadType, sequence, rtpTimestamp, this.ssrc);
    if (sequence >= this.nextSequence) this.nextSequence = sequence + 1;
    if (timestamp + samples > this.nextTimestamp) this.nextTimestamp = timestamp + samples;
    this.#send(out, now);
  }

  /** Passes a telephone-event, whose clock has `scale` ticks in a sample. `sequence` null: the next one, between the frames of the mix. */
  sendEvent(
    packet: Uint8Array,
    header: RtpHeader,
    sequence: number | null,
    timestamp: number,
    scale: number,
    now: number,
  ): void {
    const { payloadStart, payloadEnd } = header;
    const out = this.#nextSlot().packet(HEADER_LENGTH + payloadEnd - payloadStart);
    for (let from = payloadStart, to = HEADER_LENGTH; from < payloadEnd; from++, to++) out[to] = packet[from]!;
    if (scale !== this.#eventScale) rescaleEvent(out, this.#eventScale / scale);
    const number = sequence ?? this.nextSequence;
    const rtpTimestamp = this.rtpTimestamp(timestamp);
    writeRtpHeader(out, header.marker, this.#eventPayloadType, number, rtpTimestamp, this.ssrc);
    if (number >= this.nextSequence) this.nextSequence = number + 1;
    this.#send(out, now);
  }

  /** One step of the mix. */
  mix(now: number): void {
    if (this.mode !== 'mix') return;
    this.nextMixAt = now + FRAME_MS;
    // Where nothing has come nothing is sent, as if it were forwarded: what is late is sent late.
    if (!this.#ready(now) || !(this.#started || this.#mayStart(now))) {
      this.#unsent++;
      for (const link of this.#links) link.reader.wait();
      return;
    }
    const paused = this.#unsent * FRAME;
    let marker = false;
    if (!this.#started && !this.#contiguous) {
      this.nextTimestamp = this.resumeTimestamp(now);
      marker = true;
    } else if (paused > 0) {
      const gap = this.#gap(paused, now);
      this.nextTimestamp += gap;
      marker = gap === paused;
    }
    const { sum } = this.#options.scratch;
    if (!this.#sum(now)) sum.fill(0);
    this.#started = true;
    this.#continued = null;
    this.#sendFrame(sum, FRAME, marker, now);
  }

  /** A frame of silence, so that paths through NAT stay open while there is nothing to be heard (RFC 6263). */
  keepAlive(now: number): void {
    if (this.mode === 'forward' || this.#codec === null) return;
    this.nextTimestamp = this.resumeTimestamp(now);
    this.#sendFrame(this.#options.scratch.sum.fill(0), FRAME, true, now);
  }

  /** The timestamp that follows upon what was sent last, at `now`: later by the time that has passed since. */
  resumeTimestamp(now: number): number {
    const pause = Math.round((now - this.lastSentAt) * SAMPLES_PER_MS) - FRAME;
    return this.nextTimestamp + (pause < MIN_PAUSE ? 0 : pause);
  }

  /** Ends it; nothing is sent any more. */
  close(): void {
    this.#codec = null;
    this.tune([], [], this.lastSentAt);
  }

  #toForward(link: Link, former: Link | null, kept: boolean, now: number): void {
    if (link === former) return;
    // What has come and was not heard yet is heard now; then packets as they come.
    const { sum } = this.#options.scratch;
    if (kept && link.reading) {
      for (let count = link.reader.drain(sum); count > 0; count = link.reader.drain(sum)) {
        this.#sendFrame(sum, count, false, now);
      }
      link.stopReading();
    }
    link.startForwarding(kept);
  }

  #toMix(links: readonly Link[], former: Link | null, kept: ReadonlySet<Link>): void {
    if (this.mode !== 'mix') {
      this.#started = false;
      this.#unsent = 0;
      this.#continued = former !== null && links.includes(former) ? former : null;
      this.#contiguous = this.#continued !== null;
    }
    for (const link of links) {
      if (kept.has(link) && link.reading) continue;
      link.stopForwarding();
      link.startReading();
    }
  }

  /** Samples of `paused`, in which nothing was sent, that are missing for good: lost, or a pause of the speakers. */
  #gap(paused: number, now: number): number {
    let gap = paused;
    for (const link of this.#links) if (link.due(now)) gap = Math.min(gap, link.reader.missing(paused));
    return gap;
  }

  /** Whether there is anything to be heard in this frame. */
  #ready(now: number): boolean {
    if (this.#generators.length > 0) return true;
    for (const link of this.#links) if (link.due(now)) return true;
    return false;
  }

  /** The first frame of a mix is due when the source that was forwarded so far has its next frame ready. */
  #mayStart(now: number): boolean {
    const link = this.#continued;
    if (link === null || !this.#links.includes(link)) return true;
    return link.due(now) || now - link.source.timeline.lastArrival > MAX_WAIT_MS;
  }

  /** Sums what is due into the scratch memory, in 32 bits; encoding clips it once. False: there is nothing but silence. */
  #sum(now: number): boolean {
    const { sum, generated } = this.#options.scratch;
    let heard = false;
    for (const generator of this.#generators) {
      if (!generator.read(generated)) continue;
      if (heard) for (let i = 0; i < FRAME; i++) sum[i]! += generated[i]!;
      else sum.set(generated);
      heard = true;
    }
    for (const link of this.#links) {
      const { reader } = link;
      if (link.due(now) ? reader.read(sum, !heard) : reader.conceal(sum, !heard)) heard = true;
    }
    return heard;
  }

  #sendFrame(frame: Int32Array, count: number, marker: boolean, now: number): void {
    const slot = this.#nextSlot();
    const octets = this.#codec!.encode(frame, count, slot.memory, HEADER_LENGTH);
    const out = slot.packet(HEADER_LENGTH + octets);
    writeRtpHeader(out, marker, this.#payloadType, this.nextSequence, this.rtpTimestamp(this.nextTimestamp), this.ssrc);
    this.nextSequence++;
    this.nextTimestamp += this.#codec!.padded(count);
    this.#unsent = 0;
    this.#send(out, now);
  }

  #nextSlot(): Slot {
    this.#slot = (this.#slot + 1) % SLOTS;
    return this.#slots[this.#slot]!;
  }

  #send(packet: Uint8Array, now: number): void {
    this.packetsSent++;
    this.octetsSent += packet.length - HEADER_LENGTH;
    this.lastSentAt = now;
    this.#options.transmit(packet);
  }
}

/** Whether every packet that the source may send can be passed on without the mixer. */
function forwardable(source: Source, codec: AudioCodec): boolean {
  return source.payloads.every((from) => from === undefined || from === 'event' || transcoding(from, codec) !== null);
}

/** Its duration (RFC 4733 section 2.3), in ticks of another clock. */
function rescaleEvent(packet: Uint8Array, factor: number): void {
  if (packet.length < HEADER_LENGTH + 4) return;
  const at = HEADER_LENGTH + 2;
  const duration = Math.min(0xffff, Math.round(((packet[at]! << 8) | packet[at + 1]!) * factor));
  packet[at] = duration >> 8;
  packet[at + 1] = duration & 0xff;
}
