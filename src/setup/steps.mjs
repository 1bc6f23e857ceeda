import { withLock } from './lock.mjs';
import { SetupError, say } from './say.mjs';

/**
 * A step of the setup.
 * @typedef {object} Step
 * @property {string} title what it does, as an -ing form: "installing npm packages"
 * @property {() => boolean | Promise<boolean>} due whether there is anything to do; cheap, it runs at every start
 * @property {() => Promise<void>} run
 */

async function dueOf(steps) {
  const due = [];
  for (const step of steps) if (await step.due()) due.push(step);
  return due;
}

/** Runs the steps that are due, in order, saying which. Of several starts at once one works and the others wait. */
export async function runSteps(steps, lockFile) {
  if ((await dueOf(steps)).length === 0) return;
  await withLock(lockFile, async () => {
    const due = await dueOf(steps);
    for (const [index, step] of due.entries()) {
      const started = Date.now();
      say(`${step.title} (${index + 1} of ${due.length}) …`);
      await step.run();
      if (await step.due()) await step.run(); // Something came between, as an earlier npm that was still tidying up.
      if (await step.due()) throw new SetupError(`${step.title} did not bring what it should`);
      say(`${step.title} took ${Math.round((Date.now() - started) / 1000)} s`);
    }
  });
}
