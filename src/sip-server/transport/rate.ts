/**
 * Token buckets by source address, against floods. Pure: `now` (ms) is passed in. A message costs one token, garbage
 * many, so that a busy trunk never meets the limit and a flood of garbage soon does.
 */
import { isIPv6 } from 'node:net';

export interface RateLimit {
  /** Tokens a second and source. */
  readonly perSecond: number;
  /** Tokens a source may save up. */
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

const MAX_SOURCES = 10_000;

export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  get sources(): number {
    return this.#buckets.size;
  }

  /** Whether one more message of this source may be read. */
  take(source: string, now: number): boolean {
    const bucket = this.#bucket(sourceKey(source), now);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** What the source has sent was garbage: charges `cost` tokens more, down to none. */
  charge(source: string, now: number, cost: number): void {
    const bucket = this.#bucket(sourceKey(source), now);
    bucket.tokens = Math.max(bucket.tokens - cost, 0);
  }

  #bucket(key: string, now: number): Bucket {
    const known = this.#buckets.get(key);
    if (known) {
      known.tokens = this.#refilled(known, now);
      known.at = Math.max(known.at, now);
      return known;
    }
    if (this.#buckets.size >= MAX_SOURCES) this.#forget(now);
    const fresh = { tokens: this.#limit.burst, at: now };
    this.#buckets.set(key, fresh);
    return fresh;
  }

  #refilled(bucket: Bucket, now: number): number {
    const gained = (Math.max(now - bucket.at, 0) / 1000) * this.#limit.perSecond;
    return Math.min(bucket.tokens + gained, this.#limit.burst);
  }

  /** Full buckets say nothing; where that frees too few, the oldest tenth goes. */
  #forget(now: number): void {
    for (const [key, bucket] of this.#buckets) {
      if (this.#refilled(bucket, now) >= this.#limit.burst) this.#buckets.delete(key);
    }
    for (const key of this.#buckets.keys()) {
      if (this.#buckets.size <= MAX_SOURCES * 0.9) break;
      this.#buckets.delete(key);
    }
  }
}

/** An IPv6 source is its /64: one machine has all of it. */
function sourceKey(host: string): string {
  if (!isIPv6(host)) return host;
  const [head = '', tail = ''] = host.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(8 - left.length - right.length, 0)).fill('0');
  return [...left, ...(host.includes('::') ? zeros : []), ...right].slice(0, 4).join(':');
}
