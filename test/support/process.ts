/**
 * Child processes of the tests. Each stands in one registry, is killed with the test process, and can be proven gone.
 */
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { accessSync, constants, readFileSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';

/** Peer programs and the Debian package that brings each. */
const PACKAGES: Readonly<Record<string, string>> = {
  sipp: 'sip-tester',
  baresip: 'baresip-core',
  kamailio: 'kamailio',
};

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const live = new Set<Child>();
const OUTPUT_LIMIT = 4_000_000;

process.on('exit', () => {
  for (const child of live) child.killNow();
});

/** The path of a peer program. Throws with the command that installs it: a proof that cannot run has failed. */
export function requireProgram(name: string): string {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter).concat('/usr/sbin')) {
    try {
      const path = join(folder, name);
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  const debian = PACKAGES[name] ?? name;
  throw new Error(`${name} is not installed. Install it: apt-get install -y --no-install-recommends ${debian}`);
}

/** One child process, in a process group of its own, so that its children can be found and killed with it. */
export class Child {
  readonly name: string;
  readonly exited: Promise<Exit>;
  #process: ChildProcessByStdio<null, Readable, Readable>;
  #output = '';
  #exit: Exit | null = null;

  constructor(name: string, file: string, args: readonly string[], options: ChildOptions = {}) {
    this.name = name;
    this.#process = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
    });
    live.add(this);
    const collect = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString('utf8')).slice(-OUTPUT_LIMIT);
    };
    this.#process.stdout.on('data', collect);
    this.#process.stderr.on('data', collect);
    this.exited = new Promise((resolve) => {
      const done = (code: number | null, signal: NodeJS.Signals | null): void => {
        live.delete(this);
        this.#exit ??= { code, signal };
        resolve(this.#exit);
      };
      this.#process.once('error', (error) => {
        this.#output += `\n${error.message}`;
        done(127, null);
      });
      // `close`, not `exit`: the output is complete then.
      this.#process.once('close', done);
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get running(): boolean {
    return this.#exit === null;
  }

  /** stdout and stderr so far, the last 4 MB. */
  get output(): string {
    return this.#output;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running && this.pid > 0) this.#process.kill(signal);
  }

  killNow(): void {
    if (this.pid === 0) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      this.#process.kill('SIGKILL');
    }
  }

  /** Asks it to end with `signal`; after `graceMs` its whole group is killed. Idempotent. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = 3000): Promise<Exit> {
    this.signal(signal);
    const timer = setTimeout(() => this.killNow(), graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }
}

/** Names of the children that still run. Empty after a clean teardown. */
export function liveChildren(): readonly string[] {
  return [...live].map((child) => `${child.name} (${child.pid})`);
}

/** Throws if any child of the tests still runs: the last line of a file's teardown. */
export function assertNoChildren(): void {
  const left = liveChildren();
  for (const child of live) child.killNow();
  if (left.length > 0) throw new Error(`child processes left behind: ${left.join(', ')}`);
}

/** Process ids in a process group, read from /proc (proc(5), stat field 5); zombies do not count. */
export function processGroup(pgid: number): readonly number[] {
  const members: number[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(Number(entry));
    if (stat !== null && stat.pgid === pgid && stat.state !== 'Z') members.push(Number(entry));
  }
  return members;
}

/** Children of a process by the name of their command, of which the kernel keeps 15 characters (proc(5)). */
export function childrenOf(parent: number, command: string): readonly number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      const stat = readStat(pid);
      return stat?.parent === parent && stat.state !== 'Z' && stat.command === command.slice(0, 15);
    });
}

/** CPU seconds (user and system, all threads) of a process so far, from /proc; waited-for children excluded. */
export function cpuSeconds(pid: number): number {
  const stat = readStat(pid);
  if (stat === null) throw new Error(`process ${pid} has gone`);
  return stat.cpuTicks / 100; // USER_HZ is 100 on Linux
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

interface Stat {
  readonly command: string;
  readonly state: string;
  readonly parent: number;
  readonly pgid: number;
  readonly cpuTicks: number;
}

function readStat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = text.lastIndexOf(')'); // the command may contain blanks
    const fields = text.slice(end + 2).split(' ');
    return {
      command: text.slice(text.indexOf('(') + 1, end),
      state: fields[0] ?? '',
      parent: Number(fields[1]),
      pgid: Number(fields[2]),
      cpuTicks: Number(fields[11]) + Number(fields[12]),
    };
  } catch {
    return null;
  }
}
