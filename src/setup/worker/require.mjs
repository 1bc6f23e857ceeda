/**
 * Obtains the mediasoup worker and copies it to the path given; fails where that is not possible.
 *
 *   node src/setup/worker/require.mjs TARGET
 */
import { copyFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { say } from '../say.mjs';
import { workerBinary, workerStep } from './obtain.mjs';

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const [target] = process.argv.slice(2);
if (target === undefined) {
  say('usage: node src/setup/worker/require.mjs TARGET');
  process.exit(1);
}
const step = workerStep(ROOT);
if (await step.due()) await step.run();
const binary = workerBinary(ROOT);
if (binary === null) process.exit(1);
copyFileSync(binary, target);
