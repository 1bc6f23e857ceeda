import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/until.ts';

const RUN = fileURLToPath(new URL('../../../src/setup/run.mjs', import.meta.url));
const PROGRAM = `
console.log(JSON.stringify({ pid: process.pid, node: process.versions.node, args: process.argv.slice(2), cwd: process.cwd() }));
const [what, status] = process.argv.slice(2);
if (what === 'exit') process.exit(Number(status));
process.on('SIGTERM', () => { console.log('told to end'); process.exit(7); });
setInterval(() => undefined, 1000);
`;

let folder: string;
const started: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'earshot setup '));
  writeFileSync(join(folder, 'program.mjs'), PROGRAM);
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Running {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly error: () => string;
  /** What the program said of itself. */
  readonly said: () => Promise<{ pid: number; node: string; args: string[]; cwd: string }>;
}

function start(...args: string[]): Running {
  const child = spawn(process.execPath, [RUN, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let out = '';
  let error = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()));
  return {
    child,
    out: () => out,
    error: () => error,
    said: async () => JSON.parse(await until('the program', () => /^\{.*\}$/m.exec(out)?.[0])) as never,
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('starting a program', () => {
  it('runs it on the pinned Node, from any folder, with its arguments, and says nothing of its own', async () => {
    const running = start('quiet', join(folder, 'program.mjs'), 'exit', '3', 'a b', '--flag');
    const [status] = (await once(running.child, 'close')) as [number];
    expect(status).toBe(3);
    expect(await running.said()).toMatchObject({ args: ['exit', '3', 'a b', '--flag'], cwd: folder });
    expect((await running.said()).node).toMatch(/^24\./);
    expect(running.error()).toBe('');
  });

  it('hands a request to end on, waits, and gives its exit status', async () => {
    const running = start('quiet', join(folder, 'program.mjs'));
    await running.said();
    running.child.kill('SIGTERM');
    const [status] = (await once(running.child, 'close')) as [number];
    expect(status).toBe(7);
    expect(running.out()).toContain('told to end');
  });

  it('ends it when it is killed itself', async () => {
    const running = start('quiet', join(folder, 'program.mjs'));
    const { pid } = await running.said();
    running.child.kill('SIGKILL');
    await until('the program to end', () => !isAlive(pid));
    expect(running.out()).toContain('told to end');
  });

  it('ends it when the parent has vanished', async () => {
    const command = `"$0" "$1" quiet "$2" & echo $!; wait`;
    const shell = spawn('sh', ['-c', command, process.execPath, RUN, join(folder, 'program.mjs')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    started.push(shell);
    let out = '';
    shell.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const pid = await until('the program', () => /"pid":(\d+)/.exec(out)?.[1]);
    shell.kill('SIGKILL');
    await until('the program to end', () => !isAlive(Number(pid)));
    await until('run.mjs to end', () => !isAlive(Number(/^\d+/.exec(out)![0])));
  });

  it('tells how it is used', async () => {
    const running = start('sideways', 'x.ts');
    const [status] = (await once(running.child, 'close')) as [number];
    expect(status).toBe(1);
    expect(running.error()).toMatch(/usage: node src\/setup\/run\.mjs .*quiet.*FILE/);
  });
});
