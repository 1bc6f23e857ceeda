import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressKey, RateLimiter } from '../../../src/api/limits.ts';

test('a bucket lets its burst pass at once, then its rate', () => {
  const limiter = new RateLimiter({ perSecond: 2, burst: 3 });
  const at = (ms: number): number => limiter.take('a', ms);
  expect([at(0), at(0), at(0)]).toEqual([0, 0, 0]);
  expect(at(0)).toBeCloseTo(0.5);
  expect(at(250)).toBeCloseTo(0.25);
  expect(at(500)).toBe(0);
  expect(at(500)).toBeGreaterThan(0);
  expect(limiter.take('b', 500)).toBe(0);
});

test('looking takes nothing', () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 1 });
  expect([limiter.wait('a', 0), limiter.wait('a', 0), limiter.take('a', 0)]).toEqual([0, 0, 0]);
  expect(limiter.wait('a', 0)).toBe(1);
});

test('never more than burst and rate together, whatever the clock does', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -500, max: 2000 }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 50 }),
      (steps, burst, perSecond) => {
        const limiter = new RateLimiter({ burst, perSecond });
        let now = 1_000_000;
        let forward = 0;
        let passed = 0;
        for (const step of steps) {
          now += step;
          forward += Math.max(0, step);
          if (limiter.take('a', now) === 0) passed++;
        }
        expect(passed).toBeLessThanOrEqual(burst + (forward / 1000) * perSecond + 1e-6);
      },
    ),
  );
});

test('memory is bounded, however many addresses come', () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 5 });
  for (let i = 0; i < 50_000; i++) limiter.take(`key ${i}`, i);
  expect(limiter.size).toBeLessThanOrEqual(10_000);
});

test('an IPv4 address counts alone, of IPv6 the /64 network, whichever way it is written', () => {
  expect(addressKey('192.0.2.1')).toBe('192.0.2.1');
  expect(addressKey('::ffff:192.0.2.1')).toBe('192.0.2.1');
  expect(addressKey('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
  expect(addressKey('2001:DB8:1:2::9')).toBe('2001:db8:1:2::/64');
  expect(addressKey('2001:db8::9')).toBe('2001:db8:0:0::/64');
  expect(addressKey('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  expect(addressKey('::1')).toBe('0:0:0:0::/64');
  expect(addressKey(undefined)).toBe('?');
});
