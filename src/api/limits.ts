/**
 * Token buckets by key. A bucket holds up to `burst` tokens and gains `perSecond`; a request takes one. Time is passed
 * in. Memory is bounded: full buckets are forgotten, and with too many keys the one unused for longest goes.
 */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  at: number; // ms since the epoch
}

const MAX_KEYS = 10_000;

export class RateLimiter {
  readonly #rate: Rate;
  /** In the order of use, the one unused for longest first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** Takes a token. Returns 0, or the seconds after which there will be one. */
  take(key: string, now: number): number {
    const bucket = this.#bucket(key, now);
    if (bucket.tokens < 1) return (1 - bucket.tokens) / this.#rate.perSecond;
    bucket.tokens -= 1;
    return 0;
  }

  /** As `take`, without taking. */
  wait(key: string, now: number): number {
    const { tokens } = this.#bucket(key, now);
    return tokens < 1 ? (1 - tokens) / this.#rate.perSecond : 0;
  }

  get size(): number {
    return this.#buckets.size;
  }

  #bucket(key: string, now: number): Bucket {
    const { perSecond, burst } = this.#rate;
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now };
    // A clock that was set back takes nothing away.
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > MAX_KEYS) this.#forget(now);
    return bucket;
  }

  #forget(now: number): void {
    const { perSecond, burst } = this.#rate;
    for (const [key, bucket] of this.#buckets) {
      const full = bucket.tokens + ((now - bucket.at) / 1000) * perSecond >= burst;
      if (full || this.#buckets.size > MAX_KEYS) this.#buckets.delete(key);
      else break;
    }
  }
}

/** The key of a client address: of IPv6 the /64 network, which is what one customer of a provider is given. */
export function addressKey(address: string | undefined): string {
  if (address === undefined) return '?';
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (v4 !== null) return v4[1]!;
  const [head = '', tail] = address.toLowerCase().split('%')[0]!.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
