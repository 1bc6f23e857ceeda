import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { hedged } from '../../../media/freeswitch/hedge.ts';

let made: PromiseWithResolvers<string>[];
let released: string[];
beforeEach(() => {
  vi.useFakeTimers();
  made = [];
  released = [];
});
afterEach(() => {
  vi.useRealTimers();
});

function start(): Promise<string> {
  const make = (): Promise<string> => {
    const attempt = Promise.withResolvers<string>();
    made.push(attempt);
    return attempt.promise;
  };
  return hedged(make, 1000, (late) => {
    released.push(late);
    return Promise.resolve();
  });
}

it('what is done in time is made once', async () => {
  const result = start();
  made[0]?.resolve('one');
  expect(await result).toBe('one');
  await vi.advanceTimersByTimeAsync(5000);
  expect(made).toHaveLength(1);
});

it('what takes too long is made again; the first to be done is it, and the late one is released', async () => {
  const result = start();
  await vi.advanceTimersByTimeAsync(1000);
  expect(made).toHaveLength(2);
  made[1]?.resolve('two');
  expect(await result).toBe('two');
  made[0]?.resolve('one');
  await vi.advanceTimersByTimeAsync(0);
  expect(released).toEqual(['one']);
});

it('a failure in time is told at once; of two that are under way the other may still succeed', async () => {
  const first = start();
  made[0]?.reject(new Error('no'));
  await expect(first).rejects.toThrow('no');
  made = [];
  const second = start();
  await vi.advanceTimersByTimeAsync(1000);
  made[0]?.reject(new Error('Connection timeout'));
  made[1]?.resolve('two');
  expect(await second).toBe('two');
});
