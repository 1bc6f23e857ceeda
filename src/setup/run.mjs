/**
 * Entry of every npm script: sets up what is needed, then runs a program on the pinned Node.
 *
 *   node src/setup/run.mjs MODE FILE [ARGS…]
 *
 * MODE  quiet  npm packages and Node
 *       run    the same
 *       serve  and the mediasoup worker (without it the server runs, with WebRTC off)
 *       test   and the mediasoup worker, and the Debian packages that the tests use
 *
 * Runs on any Node from 20 on, without a dependency. Says nothing where everything is in place.
 */
import { dirname, join, resolve } from 'node:path';
import { constants } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { startProgram } from './child.mjs';
import { endRunning } from './command.mjs';
import { testPackagesStep } from './debian.mjs';
import { nodeStep, packagesStep, pinnedNode } from './npm.mjs';
import { SetupError, say } from './say.mjs';
import { onStarterGone } from './starter.mjs';
import { runSteps } from './steps.mjs';
import { workerBinary, workerStep } from './worker/obtain.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const MODES = {
  quiet: { dev: false, worker: false, tools: false },
  run: { dev: false, worker: false, tools: false },
  serve: { dev: false, worker: true, tools: false },
  test: { dev: true, worker: true, tools: true },
};

/** What a request to end does: first it ends the setup, later it is handed to the program. */
let end = async (signal) => {
  await endRunning();
  process.exit(128 + constants.signals[signal]);
};

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => void end(signal));
onStarterGone(() => void end('SIGTERM'));

function setUp({ dev, worker, tools }) {
  return runSteps(
    [
      packagesStep(ROOT, { dev }),
      nodeStep(ROOT),
      ...(tools ? [testPackagesStep()] : []),
      ...(worker ? [workerStep(ROOT)] : []),
    ],
    join(ROOT, '.cache/setup.lock'),
  );
}

async function main([mode, file, ...args]) {
  const plan = MODES[mode];
  if (plan === undefined || file === undefined) {
    throw new SetupError(`usage: node src/setup/run.mjs ${Object.keys(MODES).join('|')} FILE [ARGS…]`);
  }
  if (Number(process.versions.node.split('.')[0]) < 20) throw new SetupError('Node.js 20 or later is needed');
  await setUp(plan);
  const guard = pathToFileURL(join(ROOT, 'src/setup/guard.mjs')).href;
  const binary = plan.worker ? workerBinary(ROOT) : null;
  const program = startProgram(
    pinnedNode(ROOT),
    ['--disable-warning=ExperimentalWarning', '--import', guard, resolve(ROOT, file), ...args],
    binary === null ? process.env : { ...process.env, MEDIASOUP_WORKER_BIN: binary },
  );
  end = (signal) => {
    // A terminal sends Ctrl-C to the whole group: the program has it already.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) program.kill(signal);
  };
  return program.exited;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
