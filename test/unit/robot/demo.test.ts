import { describe, expect, it } from 'vitest';
import { describe as line, judge, NAMES, same, STEPS, type Hearing } from '../../../src/cli/demo/steps.ts';

const silence: Hearing = { customer: [], agent: [], supervisor: [] };

describe('the judgement of the demo', () => {
  it('accepts what should be heard', () => {
    for (const step of Object.values(STEPS)) {
      expect(judge(Array<Hearing>(20).fill(step.expected), step.expected)).toEqual({ ok: true, faults: [] });
    }
  });

  it('never accepts a single moment in which somebody heard what is not allowed (R-HEAR-7)', () => {
    const samples = Array<Hearing>(100).fill(STEPS.whisper.expected);
    samples[50] = STEPS.barge.expected;
    expect(judge(samples, STEPS.whisper.expected)).toEqual({
      ok: false,
      faults: ['the customer heard the supervisor'],
    });
  });

  it('forgives a lost moment, but not a voice that is missing', () => {
    const samples = Array<Hearing>(20).fill(STEPS.call.expected);
    samples[0] = silence;
    expect(judge(samples, STEPS.call.expected).ok).toBe(true);
    samples.fill({ ...silence, agent: ['customer'] }, 0, 3);
    expect(judge(samples, STEPS.call.expected).faults).toEqual(['the customer did not hear the agent']);
    expect(judge([], STEPS.call.expected).ok).toBe(false);
  });

  it('keeps to the rules: nobody hears themselves, and a supervisor in listen, whisper or pause is no part of what the customer hears', () => {
    for (const [name, { expected }] of Object.entries(STEPS)) {
      for (const who of NAMES) expect([name, expected[who]]).not.toEqual([name, expect.arrayContaining([who])]);
      const audible = expected.customer.some((source) => (source as string) === 'supervisor');
      expect([name, audible]).toEqual([name, name === 'barge' || name === 'resume']);
    }
  });

  it('is printed in columns', () => {
    expect(line(STEPS.call.expected)).toBe(
      'customer hears agent                 agent hears customer                 supervisor hears nobody',
    );
    expect(same(STEPS.call.expected, STEPS.pause.expected)).toBe(true);
    expect(same(STEPS.call.expected, silence)).toBe(false);
  });
});
