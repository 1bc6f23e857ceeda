/**
 * The timeline of one received stream: sequence numbers and timestamps without wraps, without duplicates, and going on
 * where the peer restarts (new SSRC, sequence or timestamp jumps). Everything behind it can count.
 */
import type { RtpHeader } from './packet.ts';

/** RFC 3550 appendix A.1. */
const MAX_DROPOUT = 3000;
const MAX_MISORDER = 100;
const WINDOW = 128;
/** A straggler of the stream before a restart is known as such for this long, in ms. */
const FORMER_MS = 1000;
/** A timestamp may run ahead of the clock by this much, in ms, before it is taken for a restart of the peer's counter. */
const MAX_AHEAD_MS = 2000;
/** A pause shorter than this, in ms, is no pause: the stream goes on without a gap after a restart. */
const MIN_PAUSE_MS = 60;

export class ReceiveTimeline {
  /** Of the packet accepted last: its place in the continuous sequence and (in samples) on the continuous timeline. */
  sequence = 0;
  timestamp = 0;
  /** Set by a packet with which the peer's stream began anew. */
  restarted = false;

  /** Highest sequence number so far; -1 before the first packet. */
  highest = -1;
  /** End of the newest audio, in samples. */
  head = 0;
  ssrc = 0;
  received = 0;
  duplicates = 0;
  /** RFC 3550 section 6.4.1, in samples. */
  jitter = 0;
  lastArrival = 0;
  /** Ticks of the peer's RTP clock in a sample, of the last audio. */
  clockScale = 1;

  readonly #samplesPerMs: number;
  readonly #seen = new Float64Array(WINDOW).fill(-1);
  #rawSequence = 0;
  #rawExtended = 0;
  #anchorRaw = 0; // a timestamp of the peer ...
  #anchor = 0; // ... and where it lies on our timeline
  #suspect = -1; // RFC 3550 A.1 bad_seq: the sequence number that would confirm a restart
  #formerSsrc = -1;
  #formerUntil = 0;
  #transit = NaN;

  constructor(clockRate: number) {
    this.#samplesPerMs = clockRate / 1000;
  }

  /** Packets that the peer's sequence numbers promise and that never came. */
  get lost(): number {
    return Math.max(0, this.highest + 1 - this.received);
  }

  /** Extended highest sequence number received, for RTCP. */
  get extendedHighest(): number {
    return this.#rawExtended >>> 0;
  }

  /**
   * Takes a packet of `samples` samples (0: it carries no audio of its own, a telephone-event) that arrived at `now` (ms).
   * `clockScale`: ticks of its RTP clock in a sample (Opus counts at 48000 Hz: 6).
   * False: a duplicate, a straggler of a former stream, or an implausible one that must be confirmed first.
   */
  accept(header: RtpHeader, samples: number, now: number, clockScale = 1): boolean {
    this.restarted = false;
    if (this.highest < 0) this.#restart(header, samples, now);
    else if (header.ssrc !== this.ssrc) {
      if (header.ssrc === this.#formerSsrc && now < this.#formerUntil) return false;
      this.#formerSsrc = this.ssrc;
      this.#formerUntil = now + FORMER_MS;
      this.#restart(header, samples, now);
    } else {
      const delta = ((header.sequence - this.#rawSequence) << 16) >> 16;
      if (delta > MAX_DROPOUT || delta < -MAX_MISORDER) {
        if (header.sequence !== this.#suspect) {
          this.#suspect = (header.sequence + 1) & 0xffff;
          return false;
        }
        this.#restart(header, samples, now);
      } else if (!this.#continue(header, delta, samples, now, clockScale)) return false;
    }
    this.#seen[this.sequence % WINDOW] = this.sequence;
    this.received++;
    this.#suspect = -1;
    if (samples > 0) {
      this.clockScale = clockScale;
      this.#measure(now);
    }
    this.head = Math.max(this.head, this.timestamp + samples);
    this.lastArrival = now;
    return true;
  }

  #continue(header: RtpHeader, delta: number, samples: number, now: number, clockScale: number): boolean {
    const sequence = this.highest + delta;
    if (sequence < 0 || (delta <= 0 && this.#seen[sequence % WINDOW] === sequence)) {
      this.duplicates++;
      return false;
    }
    this.sequence = sequence;
    this.timestamp = this.#anchor + Math.round(((header.timestamp - this.#anchorRaw) | 0) / clockScale);
    if (delta > 0) {
      this.#rawSequence = header.sequence;
      this.#rawExtended += delta;
      this.highest = sequence;
      if (samples > 0) {
        const ahead = this.timestamp - this.head;
        const plausible = (now - this.lastArrival + MAX_AHEAD_MS) * this.#samplesPerMs;
        if (ahead < 0 || ahead > plausible) this.timestamp = this.#resumeAt(samples, now);
        this.#anchorRaw = header.timestamp;
        this.#anchor = this.timestamp;
      }
    }
    if (samples === 0 && Math.abs(this.timestamp - this.head) > 10_000 * this.#samplesPerMs) this.timestamp = this.head;
    return true;
  }

  #restart(header: RtpHeader, samples: number, now: number): void {
    this.restarted = this.highest >= 0;
    this.sequence = this.highest + 1;
    this.timestamp = this.restarted ? this.#resumeAt(samples, now) : 0;
    this.highest = this.sequence;
    this.ssrc = header.ssrc;
    this.#rawSequence = header.sequence;
    this.#rawExtended = header.sequence;
    this.#anchorRaw = header.timestamp;
    this.#anchor = this.timestamp;
    this.#transit = NaN;
  }

  /** Where audio goes on after a break in the peer's counters: as much later as time has passed. */
  #resumeAt(samples: number, now: number): number {
    const pause = (now - this.lastArrival) * this.#samplesPerMs - samples;
    return this.head + (pause < MIN_PAUSE_MS * this.#samplesPerMs ? 0 : Math.round(pause));
  }

  #measure(now: number): void {
    const transit = now * this.#samplesPerMs - this.timestamp;
    if (!Number.isNaN(this.#transit) && this.sequence === this.highest) {
      this.jitter += (Math.abs(transit - this.#transit) - this.jitter) / 16;
    }
    this.#transit = transit;
  }
}
