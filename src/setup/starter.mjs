import { readFileSync } from 'node:fs';

const POLL_MS = 500;

/** A process's name and parent (proc(5): `pid (comm) state ppid …`), or null where that cannot be known. */
function processOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    return { name: stat.slice(stat.indexOf('(') + 1, end), parent: Number(stat.slice(end + 2).split(' ')[1]) };
  } catch {
    return null;
  }
}

/**
 * What stays the same while whoever started this process is there: the parent, and, where npm started it by way of a
 * shell, that shell's parent, which is npm.
 */
function starter() {
  const shell = process.env.npm_lifecycle_event === undefined ? null : processOf(process.ppid);
  return shell === null || shell.name.startsWith('npm') ? `${process.ppid}` : `${process.ppid} of ${shell.parent}`;
}

/** Calls `gone` once when the starter has vanished without a signal, as a killed npm does. Keeps nothing alive. */
export function onStarterGone(gone) {
  const startedBy = starter();
  const watch = setInterval(() => {
    if (starter() === startedBy) return;
    clearInterval(watch);
    gone();
  }, POLL_MS);
  watch.unref();
}
