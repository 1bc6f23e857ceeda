/** When a mix is made: as soon after the packets that it needs as the grid of steps allows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_MS } from '../../../media/mixer/constants.ts';
import { PHASE_MS } from '../../../media/mixer/phase.ts';
import { counted, CYCLE, frames, matrix, Simulation } from './simulation.ts';

const READY_MS = 2;
const COUNT = 20;
const offset = fc.integer({ min: 0, max: FRAME_MS - 1 });

/** The two sources' packets, `ms` apart in each frame, from the former to the latter. */
function apart(former: number, latter: number): number {
  return (latter - former + FRAME_MS) % FRAME_MS;
}

describe('the phase of a mix', () => {
  it.each([
    ['nobody', [], 0],
    // What comes of the joining source while the other's next packet is waited for is heard too, so a frame behind.
    ['one', ['b'], FRAME_MS],
  ] as const)(
    'lies behind the packets of both sources, and none waits longer than it must: after %s',
    (_, before, behind) => {
      fc.assert(
        fc.property(offset, offset, offset, (b, c, change) => {
          const simulation = new Simulation();
          simulation.apply(matrix({ a: before }));
          for (let frame = 0; frame < COUNT; frame++) {
            simulation.frame('b', frame * FRAME_MS + b, frame);
            simulation.frame('c', frame * FRAME_MS + c, frame);
          }
          simulation.at(5 * FRAME_MS + change, () => simulation.apply(matrix({ a: ['b', 'c'] })));
          simulation.run((COUNT + 5) * FRAME_MS);
          const sent = simulation.sent.get('a')!;
          const both = sent.filter(({ samples: [first] }) => first![1] !== 0 && first![2] !== 0);
          expect(both.length).toBeGreaterThanOrEqual(10);
          const most = Math.min(apart(b, c), apart(c, b)) + READY_MS + PHASE_MS;
          for (const { at, samples } of both) {
            const waited = (id: string, source: number) =>
              at -
              simulation.arrivals
                .get(id)!
                .findLast((it) => it.at <= at && (it.frame % CYCLE) + 1 === samples[0]![source])!.at;
            expect(waited('b', 1)).toBeLessThan(most);
            expect(waited('c', 2)).toBeLessThan(most + behind);
          }
          if (before.length > 0) expect(frames(sent, 1)).toEqual(counted(0, COUNT)); // R-HEAR-8
        }),
      );
    },
  );

  it('stays while the mix goes on, whoever joins: frames go out every 20 ms', () => {
    const simulation = new Simulation();
    simulation.apply(matrix({ a: ['b', 'c'] }));
    for (const [id, at] of [
      ['b', 3],
      ['c', 4],
      ['d', 17],
    ] as const) {
      for (let frame = 0; frame < 30; frame++) simulation.frame(id, frame * FRAME_MS + at, frame);
    }
    simulation.at(211, () => simulation.apply(matrix({ a: ['b', 'c', 'd'] })));
    simulation.at(411, () => simulation.apply(matrix({ a: ['c', 'd'] })));
    simulation.run(580);
    const times = simulation.sent.get('a')!.map(({ at }) => at);
    expect(times.length).toBeGreaterThan(25);
    for (let i = 1; i < times.length; i++) expect(times[i]! - times[i - 1]!).toBe(FRAME_MS);
  });

  it('with nobody heard yet it is any, and the legs of a call do not all have the same', () => {
    const simulation = new Simulation();
    expect(new Set([...simulation.legs.values()].map(({ listener }) => listener.phase)).size).toBeGreaterThan(1);
  });
});
