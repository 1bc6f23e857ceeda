import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FRAME_MS } from '../../../media/mixer/constants.ts';
import { PHASE_MS } from '../../../media/mixer/phase.ts';
import { Ticker } from '../../../media/worker/ticker.ts';

let now: number;
let steps: { at: number; phase: number }[];
let ticker: Ticker;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] });
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  now = 7.3;
  steps = [];
  ticker = new Ticker((at, phase) => steps.push({ at, phase }));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function pass(ms: number): void {
  for (let i = 0; i < ms; i++) {
    now += 1;
    vi.advanceTimersByTime(1);
  }
}

/** Whether each step came within a millisecond after its place on the grid. */
const inTime = (): boolean =>
  steps.every(({ at, phase }) => {
    const late = (at - phase * PHASE_MS) % FRAME_MS;
    return late >= 0 && late < 1;
  });

it('calls the phases that are wanted, each every 20 ms, on one grid', () => {
  ticker.want(2, true);
  ticker.want(0, true);
  pass(100);
  expect(steps.map(({ phase }) => phase)).toEqual([2, 0, 2, 0, 2, 0, 2, 0, 2, 0]);
  expect(inTime()).toBe(true);
  ticker.want(2, false);
  ticker.want(3, true);
  steps = [];
  pass(40);
  expect(steps.map(({ phase }) => phase)).toEqual([3, 0, 3, 0]);
  expect(inTime()).toBe(true);
});

it('stands still while nothing is wanted; to want twice is to want once', () => {
  ticker.want(1, true);
  ticker.want(1, true);
  expect(vi.getTimerCount()).toBe(1);
  ticker.want(1, false);
  expect(vi.getTimerCount()).toBe(0);
  pass(100);
  expect([steps, ticker.ticks]).toEqual([[], 0]);
});

it('makes up for what it missed, one step after another, and reads the sockets before each', () => {
  ticker.want(1, true); // due at 25, 45, ...
  ticker.want(2, true); // due at 10, 30, ...
  now += 100; // the thread stood still
  vi.advanceTimersToNextTimer();
  expect(steps).toEqual([]); // the sockets first
  const missed = [2, 1, 2, 1, 2, 1, 2, 1, 2, 1];
  for (let made = 1; made <= missed.length; made++) {
    vi.advanceTimersToNextTimer(); // an immediate: the sockets have been read since the last one
    expect(steps).toHaveLength(made);
  }
  expect(steps.map(({ phase }) => phase)).toEqual(missed);
  expect(ticker.late).toBeGreaterThan(0);
  steps = [];
  pass(20);
  expect(inTime()).toBe(true);
});

it('leaves out what no buffer holds, and keeps to the grid', () => {
  ticker.want(3, true);
  now += 5000;
  pass(60);
  expect(ticker.skipped).toBeGreaterThan(200);
  expect(steps.length).toBeLessThan(10);
  steps = [];
  pass(60);
  expect(steps).toHaveLength(3);
  expect(inTime()).toBe(true);
});
