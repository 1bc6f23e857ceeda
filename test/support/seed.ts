/**
 * Properties are tried with inputs of chance on a developer's machine, so that new ones are found, and with the same ones at
 * every run in CI, so that a change is judged by what it changes. EARSHOT_SEED names another seed.
 */
import fc from 'fast-check';

const named = process.env['EARSHOT_SEED'];
if (named !== undefined) fc.configureGlobal({ seed: Number(named) });
else if (process.env['CI'] === 'true') fc.configureGlobal({ seed: 20_261_120 });
