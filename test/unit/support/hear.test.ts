/** The judge must be able to fail: a missing tone, an extra one, a faint one, a single frame. */
import { describe, expect, test } from 'vitest';
import { decode, encode } from '../../support/g711.ts';
import type { G711 } from '../../support/g711.ts';
import { analyse, expectMatrix, expectNeverHeard, hearingFaults, joinPcm, loudestMoment } from '../../support/hear.ts';
import type { Ear } from '../../support/hear.ts';
import { FRAME, SAMPLE_RATE, Sine, TONES, TONE_LEVEL_DB, TONE_PEAK } from '../../support/tones.ts';

const parties = Object.entries(TONES).map(([name, hz]) => ({ name, hz }));
const WINDOW = 2560;

function mix(...sources: readonly Int16Array[]): Int16Array {
  return sources[0]!.map((_, i) => sources.reduce((sum, source) => sum + source[i]!, 0));
}

function tone(name: keyof typeof TONES, peak = TONE_PEAK): Int16Array {
  return new Sine(TONES[name], peak).next(WINDOW);
}

function coded(codec: G711, pcm: Int16Array): Int16Array {
  return decode(codec, encode(codec, pcm));
}

const cases: readonly G711[] = ['PCMU', 'PCMA'];

describe.each(cases)('hearing through %s', (codec) => {
  test('hears exactly who is there', () => {
    const pcm = coded(codec, mix(tone('customer'), tone('supervisor')));
    expect(hearingFaults(pcm, 'agent', parties, ['customer', 'supervisor'])).toEqual([]);
  });

  test('hears three at once, coded twice over', () => {
    const other = codec === 'PCMU' ? 'PCMA' : 'PCMU';
    const pcm = coded(other, coded(codec, mix(tone('customer'), tone('supervisor'), tone('second'))));
    expect(hearingFaults(pcm, 'agent', parties, ['customer', 'supervisor', 'second'])).toEqual([]);
  });

  test('a tone that is not there is missed', () => {
    const faults = hearingFaults(coded(codec, tone('customer')), 'agent', parties, ['customer', 'supervisor']);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('does not hear supervisor');
  });

  test('a tone too many is found', () => {
    const pcm = coded(codec, mix(tone('customer'), tone('supervisor')));
    expect(hearingFaults(pcm, 'agent', parties, ['customer'])[0]).toContain('agent hears supervisor');
  });

  test('a tone 20 dB down counts neither as heard nor as silent', () => {
    const pcm = coded(codec, mix(tone('customer'), tone('supervisor', TONE_PEAK / 10)));
    expect(hearingFaults(pcm, 'agent', parties, ['customer'])).toHaveLength(1);
    expect(hearingFaults(pcm, 'agent', parties, ['customer', 'supervisor'])).toHaveLength(1);
  });

  test('a sound that is no party is found, and passes as music alone', () => {
    const pcm = coded(codec, mix(tone('customer'), new Sine(440, TONE_PEAK).next(WINDOW)));
    expect(hearingFaults(pcm, 'agent', parties, ['customer'])[0]).toContain('hears something else');
    expect(hearingFaults(pcm, 'agent', parties, ['customer', 'music'])).toEqual([]);
  });

  test('music that is not there is missed', () => {
    expect(hearingFaults(coded(codec, tone('customer')), 'agent', parties, ['customer', 'music'])[0]).toContain(
      'no music',
    );
  });

  test('silence is nobody', () => {
    expect(hearingFaults(coded(codec, new Int16Array(WINDOW)), 'agent', parties, [])).toEqual([]);
    expect(hearingFaults(coded(codec, new Int16Array(WINDOW)), 'agent', parties, ['customer'])).not.toEqual([]);
  });

  test('one 20 ms frame of a denied voice in ten seconds is found, and its absence too', () => {
    const customer = new Sine(TONES.customer).next(10 * SAMPLE_RATE);
    const leaked = customer.slice();
    const frame = new Sine(TONES.supervisor).next(FRAME);
    for (let i = 0; i < FRAME; i += 1) leaked[40_000 + i]! += frame[i]!;
    const ear = (pcm: Int16Array): Ear => ({ name: 'agent', hz: TONES.agent, audioBetween: () => coded(codec, pcm) });
    const supervisor = { name: 'supervisor', hz: TONES.supervisor };
    expect(() => expectNeverHeard(ear(customer), supervisor)).not.toThrow();
    expect(() => expectNeverHeard(ear(leaked), supervisor)).toThrow(/agent heard supervisor/);
    expect(loudestMoment(coded(codec, leaked), TONES.supervisor).atMs).toBeCloseTo(4990, -2);
  });

  test('a tone that starts all at once is no leak of another', () => {
    const pcm = joinPcm([new Int16Array(1000), tone('customer'), new Int16Array(1000)]);
    const ear: Ear = { name: 'agent', hz: TONES.agent, audioBetween: () => coded(codec, pcm) };
    for (const name of ['agent', 'supervisor', 'second', 'third'] as const) {
      expect(() => expectNeverHeard(ear, { name, hz: TONES[name] })).not.toThrow();
    }
  });
});

describe('levels', () => {
  test('a full tone is at its level and the rest far below', () => {
    const { levels, residual } = analyse(tone('supervisor'), parties);
    expect(levels.get('supervisor')!.lowest).toBeCloseTo(TONE_LEVEL_DB, 1);
    expect(residual).toBeLessThan(TONE_LEVEL_DB - 40);
  });

  test('a tone in half of the window only is not heard', () => {
    const pcm = joinPcm([tone('customer').slice(0, WINDOW / 2), new Int16Array(WINDOW / 2)]);
    expect(hearingFaults(pcm, 'agent', parties, ['customer'])).not.toEqual([]);
  });

  test('no packets at all satisfy only a listener who hears nobody', () => {
    expect(hearingFaults(new Int16Array(0), 'agent', parties, [])).toEqual([]);
    expect(hearingFaults(new Int16Array(0), 'agent', parties, ['customer'])).not.toEqual([]);
  });
});

describe('expectMatrix', () => {
  const ear = (name: keyof typeof TONES, pcm: Int16Array): Ear => ({ name, hz: TONES[name], audioBetween: () => pcm });
  const fast = { settleMs: 0, windowMs: 0 };

  test('asserts every listener, also those that must hear nobody', async () => {
    const ears = [ear('agent', tone('customer')), ear('customer', tone('agent')), ear('supervisor', new Int16Array(0))];
    await expectMatrix(ears, { agent: ['customer'], customer: ['agent'] }, fast);
    await expect(expectMatrix(ears, { agent: ['customer'] }, fast)).rejects.toThrow('customer hears agent');
    await expect(
      expectMatrix(ears, { agent: ['customer'], customer: ['agent'], supervisor: ['agent'] }, fast),
    ).rejects.toThrow('supervisor does not hear agent');
  });

  test('what is missing for a moment is forgiven, a leak of a moment is not', async () => {
    const windows = (...pcm: Int16Array[]): Ear => {
      let taken = 0;
      return { name: 'agent', hz: TONES.agent, audioBetween: () => pcm[Math.min(taken++, pcm.length - 1)]! };
    };
    const customer = { ...ear('customer', new Int16Array(0)) };
    const gap = joinPcm([tone('customer').slice(0, WINDOW / 2), new Int16Array(WINDOW / 2)]);
    await expectMatrix([windows(gap, tone('customer')), customer], { agent: ['customer'] }, fast);
    await expect(expectMatrix([windows(gap, gap, gap), customer], { agent: ['customer'] }, fast)).rejects.toThrow(
      'does not hear customer',
    );
    await expect(expectMatrix([windows(tone('customer'), new Int16Array(WINDOW)), customer], {}, fast)).rejects.toThrow(
      'agent hears customer',
    );
  });

  test('a name that is no ear is a mistake of the test', async () => {
    await expect(expectMatrix([], { nobody: [] }, fast)).rejects.toThrow('no ear');
  });
});

test('no tone lies near the second or third order products of the others', () => {
  const tones: readonly number[] = Object.values(TONES);
  const alias = (hz: number): number => {
    const folded = Math.abs(hz) % SAMPLE_RATE;
    return folded > SAMPLE_RATE / 2 ? SAMPLE_RATE - folded : folded;
  };
  const products: { readonly from: readonly number[]; readonly hz: number }[] = [];
  for (const a of tones) {
    products.push({ from: [a], hz: alias(2 * a) }, { from: [a], hz: alias(3 * a) });
    for (const b of tones) {
      if (a === b) continue;
      for (const hz of [a + b, a - b, 2 * a - b, 2 * a + b]) products.push({ from: [a, b], hz: alias(hz) });
    }
  }
  for (const tone of tones) {
    for (const product of products) {
      if (product.from.includes(tone)) continue;
      expect(Math.abs(product.hz - tone), `${tone} and ${product.from.join(' with ')}`).toBeGreaterThan(55);
    }
  }
});
