import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { SetupError, say } from '../say.mjs';
import { worksHere } from './probe.mjs';

const RELEASES = 'https://github.com/versatica/mediasoup/releases/download';
const ANSWER_MS = 5_000;
const DOWNLOAD_MS = 120_000;

/** The name of upstream's archive for this machine, as mediasoup's npm-scripts.mjs builds it. */
function archiveName(version) {
  const kernel = process.platform === 'linux' ? `-kernel${release().split('.')[0]}` : '';
  return `mediasoup-worker-${version}-${process.platform}-${process.arch}${kernel}.tgz`;
}

/** What went wrong with a request, in a few words. */
const reasonOf = (error) => error.cause?.code ?? error.cause?.message ?? error.message;

/**
 * @param {string} url
 * @throws {SetupError} why there is nothing
 */
async function download(url) {
  const abort = new AbortController();
  let late = setTimeout(() => abort.abort(new Error(`no answer in ${ANSWER_MS / 1000} s`)), ANSWER_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok) throw new SetupError(`the answer was ${response.status}`);
    clearTimeout(late);
    late = setTimeout(() => abort.abort(new Error(`not whole after ${DOWNLOAD_MS / 1000} s`)), DOWNLOAD_MS);
    const size = Number(response.headers.get('content-length'));
    say(`downloading the prebuilt worker${size > 0 ? ` (${(size / 1e6).toFixed(1)} MB)` : ''}`);
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    throw error instanceof SetupError ? error : new SetupError(reasonOf(error));
  } finally {
    clearTimeout(late);
  }
}

/**
 * Upstream's prebuilt worker, put at `target` where it can be had and runs on this machine.
 * MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL and MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD mean what they mean upstream.
 * @returns {Promise<void>}
 * @throws {SetupError} why it is not there
 */
export async function fetchPrebuilt(version, target) {
  if (process.env.MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD) {
    throw new SetupError('MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD is set');
  }
  const url = `${process.env.MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL || RELEASES}/${version}/${archiveName(version)}`;
  const archive = await download(url).catch((error) => {
    throw new SetupError(`${url}: ${error.message}`);
  });
  mkdirSync(dirname(target), { recursive: true });
  const scratch = mkdtempSync(join(dirname(target), 'prebuilt-'));
  try {
    const unpacked = spawnSync('tar', ['-xzf', '-', '-C', scratch, 'mediasoup-worker'], { input: archive });
    if (unpacked.status !== 0) throw new SetupError(`${url}: the archive is damaged`);
    const binary = join(scratch, 'mediasoup-worker');
    chmodSync(binary, 0o755);
    if (!worksHere(binary)) throw new SetupError(`${url}: this worker does not run here`);
    renameSync(binary, target);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
