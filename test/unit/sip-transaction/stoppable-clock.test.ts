import { describe, expect, test } from 'vitest';
import { stoppableClock } from '../../../src/sip-server/transaction/clock.ts';
import type { Clock } from '../../../src/sip-server/transaction/clock.ts';

/** A clock turned by hand. */
function handClock(): Clock & { due(): void; readonly waiting: Set<() => void> } {
  const waiting = new Set<() => void>();
  return {
    waiting,
    now: () => 0,
    after(_, run) {
      waiting.add(run);
      return { cancel: () => void waiting.delete(run) };
    },
    due() {
      for (const run of [...waiting]) {
        waiting.delete(run);
        run();
      }
    },
  };
}

describe('a clock that can be stopped', () => {
  test('runs and cancels like the clock beneath', () => {
    const hand = handClock();
    const clock = stoppableClock(hand);
    const ran: string[] = [];
    clock.after(1, () => ran.push('kept'));
    clock.after(1, () => ran.push('cancelled')).cancel();
    hand.due();
    expect(ran).toEqual(['kept']);
  });

  test('stopped, it leaves no timer behind and starts none', () => {
    const hand = handClock();
    const clock = stoppableClock(hand);
    const ran: string[] = [];
    clock.after(1, () => ran.push('before'));
    clock.stop();
    clock.after(1, () => ran.push('after'));
    expect(hand.waiting.size).toBe(0);
    hand.due();
    expect(ran).toEqual([]);
  });
});
