import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { worksHere } from './probe.mjs';

const ANSWER_MS = 5_000;
const DOWNLOAD_MS = 120_000;

/** The name of upstream's archive for this machine, as mediasoup's npm-scripts.mjs builds it. */
function archiveName(version) {
  const kernel = process.platform === 'linux' ? `-kernel${release().split('.')[0]}` : '';
  return `mediasoup-worker-${version}-${process.platform}-${process.arch}${kernel}.tgz`;
}

async function download(url) {
  const abort = new AbortController();
  const late = setTimeout(() => abort.abort(), ANSWER_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    clearTimeout(late);
    if (!response.ok) return null;
    const limit = setTimeout(() => abort.abort(), DOWNLOAD_MS);
    try {
      return Buffer.from(await response.arrayBuffer());
    } finally {
      clearTimeout(limit);
    }
  } catch {
    return null; // Not reachable from here: the sources are built.
  } finally {
    clearTimeout(late);
  }
}

/**
 * Upstream's prebuilt worker, put at `target` where it can be had and runs on this machine.
 * MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL and MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD mean what they mean upstream.
 * @returns {Promise<boolean>} whether it is there now
 */
export async function fetchPrebuilt(version, target) {
  if (process.env.MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD) return false;
  const base =
    process.env.MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL ??
    'https://github.com/versatica/mediasoup/releases/download';
  const archive = await download(`${base}/${version}/${archiveName(version)}`);
  if (archive === null) return false;
  mkdirSync(dirname(target), { recursive: true });
  const scratch = mkdtempSync(join(dirname(target), 'prebuilt-'));
  try {
    const unpacked = spawnSync('tar', ['-xzf', '-', '-C', scratch, 'mediasoup-worker'], { input: archive });
    if (unpacked.status !== 0) return false;
    const binary = join(scratch, 'mediasoup-worker');
    chmodSync(binary, 0o755);
    if (!worksHere(binary)) return false;
    renameSync(binary, target);
    return true;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
