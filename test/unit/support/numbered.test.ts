import { describe, expect, test } from 'vitest';
import { decode, encode } from '../../support/g711.ts';
import { joinPcm } from '../../support/hear.ts';
import { countFrames, numberedFrame } from '../../support/numbered.ts';

function stream(from: number, to: number): Int16Array[] {
  return Array.from({ length: to - from }, (_, i) => numberedFrame(from + i));
}

describe('numbered frames', () => {
  test('an unbroken stream counts nothing lost or doubled, past the end of the numbers', () => {
    const count = countFrames(joinPcm(stream(1900, 2300)));
    expect(count.numbers).toHaveLength(400);
    expect(count.numbers.at(-1)).toBe(2299);
    expect(count).toMatchObject({ lost: [], doubled: [], strayed: 0 });
  });

  test('a lost frame is counted', () => {
    const frames = stream(0, 50);
    frames.splice(20, 1);
    expect(countFrames(joinPcm(frames))).toMatchObject({ lost: [20], doubled: [], strayed: 0 });
  });

  test('a doubled frame is counted', () => {
    const frames = stream(0, 50);
    frames.splice(20, 0, frames[20]!);
    expect(countFrames(joinPcm(frames))).toMatchObject({ lost: [], doubled: [20] });
  });

  test('frames out of order are neither lost nor doubled, and stand in the order received', () => {
    const frames = stream(0, 10);
    [frames[4], frames[5]] = [frames[5]!, frames[4]!];
    const count = countFrames(joinPcm(frames));
    expect(count).toMatchObject({ lost: [], doubled: [] });
    expect(count.numbers.slice(3, 7)).toEqual([3, 5, 4, 6]);
  });

  test('concealment and silence between frames are strayed samples', () => {
    const frames = stream(0, 10);
    frames.splice(5, 0, new Int16Array(160));
    expect(countFrames(joinPcm(frames))).toMatchObject({ lost: [], doubled: [], strayed: 160 });
  });

  test('any alignment and both codecs, one after the other, keep every frame', () => {
    const shifted = joinPcm([new Int16Array(77), ...stream(0, 100)]);
    for (const [first, second] of [['PCMU', 'PCMA'] as const, ['PCMA', 'PCMU'] as const]) {
      const twice = decode(second, encode(second, decode(first, encode(first, shifted))));
      const count = countFrames(twice);
      expect(count.numbers).toEqual(Array.from({ length: 100 }, (_, i) => i));
      expect(count.strayed).toBe(0);
    }
  });

  test('silence holds no frames', () => {
    expect(countFrames(new Int16Array(8000)).numbers).toEqual([]);
  });
});
