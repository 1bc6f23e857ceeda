import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/**
 * Runs the program in place of this process, on the same standard streams. When this process is killed, the program
 * notices the closed channel (guard.mjs).
 * @returns {{ exited: Promise<number>, kill: (signal: NodeJS.Signals) => void }} `exited` gives the exit status, or
 *   128 + n after signal n
 */
export function startProgram(node, args, env) {
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env });
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
  return { exited, kill: (signal) => child.kill(signal) };
}
