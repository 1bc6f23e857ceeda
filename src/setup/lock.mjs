import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './say.mjs';

/** When a process started, in ticks since boot (proc(5), field 22): tells a reused process id from the old holder. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive(holder) {
  const [pid, start] = holder.split(' ');
  if (!/^\d+$/.test(pid ?? '')) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
  }
  return startOf(pid) === (start ?? '');
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Runs `work` while holding `file`, which names its holder. A holder that has died is displaced.
 * The lock comes into being with its content (link(2)), so nobody ever reads an empty one.
 */
export async function withLock(file, work) {
  mkdirSync(dirname(file), { recursive: true });
  const own = `${process.pid} ${startOf(process.pid)}`;
  const mine = `${file}.${process.pid}`;
  const release = () => {
    rmSync(mine, { force: true });
    if (read(file) === own) rmSync(file, { force: true });
  };
  process.once('exit', release);
  writeFileSync(mine, own);
  try {
    let told = false;
    for (;;) {
      try {
        linkSync(mine, file);
        break;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = read(file);
      if (holder !== null && !isAlive(holder)) {
        displace(file, holder);
        continue;
      }
      if (!told) say('waiting for another start that is setting up …');
      told = true;
      await sleep(200);
    }
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

/** Removes the lock of a dead holder. Where another starter was quicker and holds a fresh one, that is put back. */
function displace(file, holder) {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
    if (read(aside) !== holder) linkSync(aside, file);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}
