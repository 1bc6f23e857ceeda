/** The judge of browsers must be able to fail too: a moment is enough where the leak is clear. */
import { expect, test } from 'vitest';
import { expectBrowserMatrix } from '../../support/browser/matrix.ts';
import type { Ear } from '../../support/hear.ts';
import { SAMPLE_RATE, Sine, TONE_PEAK, TONES } from '../../support/tones.ts';

type Name = keyof typeof TONES;

/** What hears these parties, each with its peak, in each of the times that it is listened to; the last goes on. */
function ear(name: Name, ...windows: readonly Partial<Record<Name, number>>[]): Ear {
  let listened = 0;
  return {
    name,
    hz: TONES[name],
    audioBetween: (from, to) => {
      const heard = windows[Math.min(listened++, windows.length - 1)] ?? {};
      const pcm = new Int16Array(Math.round(((to - from) * SAMPLE_RATE) / 1000));
      for (const [party, peak] of Object.entries(heard)) {
        const tone = new Sine(TONES[party as Name], peak).next(pcm.length);
        for (let i = 0; i < pcm.length; i++) pcm[i]! += tone[i]!;
      }
      return pcm;
    },
  };
}

const agent = ear('agent', { customer: TONE_PEAK });
const supervisor = ear('supervisor', {});
const EXPECTED = { customer: ['agent'], agent: ['customer'] };

test('hears exactly who is there, though something faint was there for a moment', async () => {
  const customer = ear('customer', { agent: TONE_PEAK, supervisor: TONE_PEAK / 4 }, { agent: TONE_PEAK });
  await expectBrowserMatrix([customer, agent, supervisor], EXPECTED);
});

test('a voice that leaks clearly, for a moment, is found', async () => {
  const customer = ear('customer', { agent: TONE_PEAK }, { agent: TONE_PEAK, supervisor: TONE_PEAK }, {});
  const deaf = ear('agent', {}, { customer: TONE_PEAK }); // the first window is not enough
  await expect(expectBrowserMatrix([customer, deaf, supervisor], EXPECTED)).rejects.toThrow(
    'customer hears supervisor clearly',
  );
});
