/** Waiting for a condition. The limit is a failure's patience, never an assertion about time. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until `probe` gives something other than undefined, null or false; throws naming `what` after `limitMs`. */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  limitMs = 8000,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + limitMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== null && value !== false) {
        return value as Exclude<T, undefined | null | false>;
      }
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${limitMs} ms for ${what}; last: ${last instanceof Error ? last.message : String(last)}`);
    }
    await sleep(15);
  }
}

/** Rejects with a message that names `what` if the promise takes longer than `limitMs`. */
export async function within<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limitMs} ms for ${what}`)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
