/** The course of the demo, and who should hear whom in each step (R-HEAR-2 to 5, R-MODE-1). Pure. */
export const NAMES = ['customer', 'agent', 'supervisor'] as const;
export type Name = (typeof NAMES)[number];

/** Listener to those heard, in the order of NAMES. */
export type Hearing = Readonly<Record<Name, readonly Name[]>>;

export interface Step {
  readonly title: string;
  readonly says: string;
  readonly expected: Hearing;
}

const APART = { customer: ['agent'], agent: ['customer'], supervisor: [] } as const;

export const STEPS = {
  call: { title: 'call', says: 'the customer and the agent talk', expected: APART },
  listen: {
    title: 'listen',
    says: 'the supervisor hears both; nobody hears the supervisor',
    expected: { ...APART, supervisor: ['customer', 'agent'] },
  },
  whisper: {
    title: 'whisper',
    says: 'the agent hears the supervisor too; the customer does not',
    expected: { customer: ['agent'], agent: ['customer', 'supervisor'], supervisor: ['customer', 'agent'] },
  },
  barge: {
    title: 'barge',
    says: 'all three talk',
    expected: {
      customer: ['agent', 'supervisor'],
      agent: ['customer', 'supervisor'],
      supervisor: ['customer', 'agent'],
    },
  },
  pause: { title: 'pause', says: 'the supervisor hears nobody and is heard by nobody', expected: APART },
  resume: {
    title: 'resume',
    says: 'barged as before',
    expected: {
      customer: ['agent', 'supervisor'],
      agent: ['customer', 'supervisor'],
      supervisor: ['customer', 'agent'],
    },
  },
  stop: { title: 'stop', says: "the supervisor's phone is released; the call goes on", expected: APART },
} as const satisfies Record<string, Step>;

export function same(a: Hearing, b: Hearing): boolean {
  return NAMES.every((name) => a[name].join() === b[name].join());
}

export interface Judgement {
  readonly ok: boolean;
  /** What was wrong, in words; empty where nothing was. */
  readonly faults: readonly string[];
}

/** How much of the time somebody who should be heard must be heard: a busy machine may lose a moment of audio. */
const HEARD_SHARE = 0.9;

/** Nobody may ever hear what is not allowed; who should be heard must be heard nearly always. */
export function judge(samples: readonly Hearing[], expected: Hearing): Judgement {
  const faults: string[] = [];
  for (const listener of NAMES) {
    for (const source of NAMES) {
      const times = samples.filter((sample) => sample[listener].includes(source)).length;
      const should = expected[listener].includes(source);
      if (!should && times > 0) faults.push(`the ${listener} heard the ${source}`);
      if (should && times < samples.length * HEARD_SHARE) faults.push(`the ${listener} did not hear the ${source}`);
    }
  }
  if (samples.length === 0) faults.push('nothing was measured');
  return { ok: faults.length === 0, faults };
}

const WIDTHS: Readonly<Record<Name, number>> = { customer: 37, agent: 37, supervisor: 0 };

/** One line, in columns. */
export function describe(hearing: Hearing): string {
  const cells = NAMES.map((name) => {
    const heard = hearing[name];
    return `${name} hears ${heard.length === 0 ? 'nobody' : heard.join(' + ')}`.padEnd(WIDTHS[name]);
  });
  return cells.join('').trimEnd();
}
