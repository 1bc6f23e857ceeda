import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetupError, say } from './say.mjs';

const KEPT_LINES = 30;
const HEARTBEAT_MS = 15_000;
const GRACE_MS = 10_000;
const running = new Set();

/** Ends what setup has started and waits for it: npm puts back what it had moved away before it goes. */
export async function endRunning() {
  const ended = [...running].map((child) => new Promise((resolve) => child.once('close', resolve)));
  for (const child of running) child.kill('SIGTERM');
  const late = setTimeout(() => {
    for (const child of running) child.kill('SIGKILL');
  }, GRACE_MS);
  await Promise.all(ended);
  clearTimeout(late);
}

/** The path of a command in PATH, or null. */
export function which(command) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder || '.', command);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not here.
    }
  }
  return null;
}

/**
 * Runs a command to its end with its output kept back; says now and then that it still runs.
 * @param {{ title: string, cwd?: string, env?: NodeJS.ProcessEnv, progress?: (line: string) => string | null }} options
 *   `progress` reads a line of output and gives what to tell of it, or null
 * @returns {Promise<string>} its output
 * @throws {SetupError} with the end of its output, where it fails
 */
export function run(command, args, { title, cwd, env = process.env, progress }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    const started = Date.now();
    let latest = '';
    const heartbeat = setInterval(() => {
      say(`still ${title} (${Math.round((Date.now() - started) / 1000)} s${latest})`);
    }, HEARTBEAT_MS);
    const lines = [];
    let rest = '';
    const take = (chunk) => {
      const parts = (rest + chunk).split(/[\r\n]+/);
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        if (lines.length > KEPT_LINES) lines.shift();
        const told = progress?.(line);
        if (told) latest = `, ${told}`;
      }
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    const finish = (failure) => {
      clearInterval(heartbeat);
      running.delete(child);
      const output = [...lines, rest].join('\n').trim();
      if (failure === null) resolve(output);
      else reject(new SetupError(`${title} failed: ${failure}\n${output}`));
    };
    child.once('error', (error) => finish(`${command}: ${error.message}`));
    child.once('close', (code, signal) => finish(code === 0 ? null : `${command} ended with ${signal ?? code}`));
  });
}
