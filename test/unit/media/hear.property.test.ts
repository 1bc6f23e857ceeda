/** Who hears what, sample by sample, over random changes of the matrix in simulated time (R-HEAR-1, 7, 8). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Matrix } from '../../../media/mixer/bridge.ts';
import { CYCLE, IDS, Simulation } from './simulation.ts';
import type { SentPacket } from './simulation.ts';

interface Change {
  readonly at: number;
  readonly matrix: Matrix;
}

interface Heard {
  readonly frame: number; // 1 to 12
  length: number;
}

const LENGTH = 2000;
/** Audio that came so long before the end of a permission must have been heard: the jitter buffer's delay at most. */
const SETTLE = 130;

const matrix = fc
  .tuple(...IDS.map((id) => fc.subarray(IDS.filter((other) => other !== id))))
  .map((rows): Matrix => new Map(rows.map((row, i) => [IDS[i]!, new Set<string>(row)])));

const changes = fc
  .uniqueArray(fc.record({ at: fc.integer({ min: 0, max: LENGTH - 400 }), matrix }), {
    selector: ({ at }) => at,
    minLength: 1,
    maxLength: 14,
  })
  .map((list) => list.toSorted((x, y) => x.at - y.at));

const phases = fc.tuple(...IDS.map(() => fc.integer({ min: 0, max: 19 })));

function play(list: readonly Change[], phase: readonly number[], delay: (leg: number, frame: number) => number | null) {
  const simulation = new Simulation();
  for (const change of list) simulation.at(change.at, () => simulation.apply(change.matrix));
  IDS.forEach((id, leg) => {
    let last = 0;
    for (let frame = 0; frame * 20 < LENGTH; frame++) {
      const late = delay(leg, frame);
      if (late === null) continue;
      last = Math.max(last, frame * 20 + phase[leg]! + late); // in order
      simulation.frame(id, last, frame);
    }
  });
  simulation.run(LENGTH);
  return simulation;
}

function allowedAt(list: readonly Change[], listener: string, source: string, at: number): boolean {
  const current = list.findLast((change) => change.at <= at);
  return current?.matrix.get(listener)?.has(source) ?? false;
}

/** The spans [from, to) in which `listener` may hear `source` without a break. */
function spans(list: readonly Change[], listener: string, source: string): { from: number; to: number }[] {
  const result: { from: number; to: number }[] = [];
  let from: number | null = null;
  for (const change of list) {
    const allowed = change.matrix.get(listener)?.has(source) ?? false;
    if (allowed) from ??= change.at;
    else if (from !== null) {
      if (change.at > from) result.push({ from, to: change.at });
      from = null;
    }
  }
  if (from !== null) result.push({ from, to: LENGTH + 1 });
  return result;
}

/** The frames of a source in what was sent from `from` to `to`, as runs of equal samples. */
function heard(packets: readonly SentPacket[], source: number, from: number, to: number): Heard[] {
  const runs: Heard[] = [];
  for (const packet of packets) {
    if (packet.at < from || packet.at >= to) continue;
    for (const sample of packet.samples) {
      const frame = sample[source]!;
      const last = runs.at(-1);
      // A frame may be heard in two parts, where the reader ran dry within it.
      if (frame !== 0 && last?.frame === frame && last.length < 160) last.length++;
      else if (frame !== 0) runs.push({ frame, length: 1 });
    }
  }
  return runs;
}

function checkNothingElseIsHeard(simulation: Simulation, list: readonly Change[]): void {
  for (const listener of IDS) {
    for (const packet of simulation.sent.get(listener)!) {
      IDS.forEach((source, index) => {
        if (packet.samples.some((sample) => sample[index] !== 0) && !allowedAt(list, listener, source, packet.at)) {
          throw new Error(`${listener} heard ${source} at ${packet.at}`);
        }
      });
    }
  }
}

function checkStream(packets: readonly SentPacket[], lossless: boolean): void {
  packets.forEach((packet, i) => {
    expect(packet.ssrc).toBe(packets[0]!.ssrc);
    const before = packets[i - 1];
    if (before === undefined) return;
    const step = ((packet.sequence - before.sequence) << 16) >> 16;
    if (lossless) expect(step).toBe(1);
    else expect(step).toBeGreaterThan(0);
    const gap = ((packet.timestamp - before.timestamp) | 0) - before.samples.length;
    expect(gap).toBeGreaterThanOrEqual(0);
    if (lossless && !packet.marker) expect(gap).toBe(0);
  });
}

/** Winning back delay may take up to half of a frame, never a frame out of the stream. */
const FEWEST_SAMPLES = 80;

function checkHeardOnce(simulation: Simulation, list: readonly Change[]): void {
  for (const listener of IDS) {
    IDS.forEach((source, index) => {
      for (const { from, to } of spans(list, listener, source)) {
        const came = simulation.arrivals.get(source)!.filter(({ at }) => at >= from && at < to);
        const runs = heard(simulation.sent.get(listener)!, index, from, to);
        const certain = came.filter(({ at }) => at < to - SETTLE).length;
        expect(runs.length).toBeGreaterThanOrEqual(certain);
        expect(runs.map((run) => run.frame)).toEqual(
          came.slice(0, runs.length).map(({ frame }) => (frame % CYCLE) + 1),
        );
        runs.forEach((run, i) => {
          expect(run.length).toBeLessThanOrEqual(160);
          if (i < certain) expect(run.length).toBeGreaterThanOrEqual(FEWEST_SAMPLES);
        });
      }
    });
  }
}

/** Simulated time is quick, but a busy machine is slow. */
const TIMEOUT = 60_000;

describe('what each listener hears over random changes of the matrix', () => {
  it(
    'R-HEAR-8 R-HEAR-1: on a steady network every sample of an allowed source once, in order; of others none',
    () => {
      fc.assert(
        fc.property(changes, phases, (list, phase) => {
          const simulation = play(list, phase, () => 0);
          checkNothingElseIsHeard(simulation, list);
          checkHeardOnce(simulation, list);
          for (const id of IDS) checkStream(simulation.sent.get(id)!, true);
        }),
        { numRuns: 80 },
      );
    },
    TIMEOUT,
  );

  it(
    'R-HEAR-8: with jitter still every frame once',
    () => {
      fc.assert(
        fc.property(changes, phases, fc.infiniteStream(fc.integer({ min: 0, max: 35 })), (list, phase, jitter) => {
          const simulation = play(list, phase, () => jitter.next().value as number);
          checkNothingElseIsHeard(simulation, list);
          checkHeardOnce(simulation, list);
          for (const id of IDS) checkStream(simulation.sent.get(id)!, true);
        }),
        { numRuns: 80 },
      );
    },
    TIMEOUT,
  );

  it(
    'R-HEAR-8: what is lost on the way is missing and nothing else',
    () => {
      fc.assert(
        fc.property(changes, phases, fc.infiniteStream(fc.integer({ min: 0, max: 19 })), (list, phase, dice) => {
          const simulation = play(list, phase, () => (dice.next().value === 0 ? null : 0));
          checkNothingElseIsHeard(simulation, list);
          checkHeardOnce(simulation, list);
          for (const id of IDS) checkStream(simulation.sent.get(id)!, false);
        }),
        { numRuns: 80 },
      );
    },
    TIMEOUT,
  );
});
