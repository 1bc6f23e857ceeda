/**
 * The mediasoup worker, without which there is no WebRTC. In this order: MEDIASOUP_WORKER_BIN; the one obtained before,
 * kept outside the checkout; upstream's prebuilt binary; a build of the npm package's own sources. Where none can be
 * had, Earshot runs with WebRTC off: nothing here makes an installation or a start fail.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { aptCommand, installPackages, missingPackages } from '../debian.mjs';
import { withLock } from '../lock.mjs';
import { SetupError, say } from '../say.mjs';
import { buildWorker } from './build.mjs';
import { fetchPrebuilt } from './prebuilt.mjs';
import { worksHere } from './probe.mjs';

const RETRY_MS = 24 * 3600_000;
const TITLE = 'obtaining the mediasoup worker, for WebRTC';

function cacheFolder() {
  return process.env.EARSHOT_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'earshot');
}

function workerVersion(root) {
  return JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages['node_modules/mediasoup'].version;
}

function places(root) {
  const version = workerVersion(root);
  const folder = join(cacheFolder(), 'mediasoup-worker', `${version}-${process.platform}-${process.arch}`);
  return {
    version,
    binary: join(folder, 'mediasoup-worker'),
    lock: `${folder}.lock`,
    failure: join(folder, 'failed.json'),
  };
}

/** The worker's path: what MEDIASOUP_WORKER_BIN names, else the one obtained before, or null where there is none. */
export function workerBinary(root) {
  const named = process.env.MEDIASOUP_WORKER_BIN;
  if (named) return named;
  const { binary } = places(root);
  return existsSync(binary) && worksHere(binary) ? binary : null;
}

function lastFailure(file) {
  try {
    const { at, reason, missing } = JSON.parse(readFileSync(file, 'utf8'));
    return Date.now() - at < RETRY_MS ? { reason: String(reason), missing: String(missing) } : null;
  } catch {
    return null;
  }
}

/** Why there is no WebRTC and what to do about it, for the person who starts the server. */
function explain({ reason, missing }, file) {
  say(`WebRTC is off, SIP phones work: ${reason}`);
  if (missing) say(`to turn it on, as root: ${aptCommand(missing.split(' '))}; then start again`);
  else say(`to turn it on: set MEDIASOUP_WORKER_BIN, or remove ${file} to try again`);
}

async function obtain(root, { version, binary }) {
  try {
    await fetchPrebuilt(version, binary);
    return say('the prebuilt worker was taken');
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`no prebuilt worker: ${error.message}`);
  }
  const missing = await missingPackages('worker');
  if (missing.length > 0) await installPackages(missing, 'installing Debian packages for the mediasoup worker');
  if (workerBinary(root) !== null) return; // It was there; only its libraries were not.
  say('building the mediasoup worker from its sources: about 3 minutes on 2 cores, once for this machine');
  await buildWorker(join(root, 'node_modules/mediasoup/worker'), binary, 'building the mediasoup worker');
  if (!worksHere(binary)) {
    rmSync(binary);
    throw new SetupError('the mediasoup worker that was built does not run here');
  }
}

/** Step: the worker. Its failure is told and remembered for a day, or until the missing packages are there. */
export function workerStep(root) {
  return {
    title: TITLE,
    due: async () => {
      if (workerBinary(root) !== null) return false;
      const { failure } = places(root);
      const last = lastFailure(failure);
      if (last === null || last.missing !== (await missingPackages('worker')).join(' ')) return true;
      explain(last, failure);
      return false;
    },
    run: async () => {
      const at = places(root);
      try {
        await withLock(at.lock, async () => {
          if (workerBinary(root) === null) await obtain(root, at);
        });
        rmSync(at.failure, { force: true });
      } catch (error) {
        const missing = (await missingPackages('worker')).join(' ');
        const reason = error instanceof SetupError ? error.message : String(error);
        mkdirSync(dirname(at.failure), { recursive: true });
        writeFileSync(at.failure, JSON.stringify({ at: Date.now(), reason: reason.split('\n')[0], missing }));
        explain({ reason, missing }, at.failure);
      }
    },
  };
}
