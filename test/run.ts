/**
 * The test command: format, lint, types, then the unit, integration and interop tests. Runs all, whatever fails.
 *
 *   npm test                         everything
 *   npm test -- lint unit            these parts
 *   npm test -- test/unit/sip -t via a path or filter for vitest, over the three kinds of tests
 *
 * The last line is `N passed, N failed`: tests, and one for each of format, lint and the two of types.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { notTested } from './support/real.ts';

interface Tally {
  passed: number;
  failed: number;
}

/** The part of vitest's JSON report that is counted. */
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  testResults: { name: string; status: string; assertionResults: unknown[] }[];
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIMIT_MS = 12 * 60_000;
const CHECKS = {
  format: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'],
  lint: ['node_modules/eslint/bin/eslint.js', '--max-warnings=0', '.'],
  types: ['node_modules/typescript/bin/tsc', '--project', '.'],
  'console types': ['node_modules/typescript/bin/tsc', '--project', 'src/web/public'],
} as const;
const KINDS = ['unit', 'integration', 'interop'] as const;

const children = new Set<ChildProcess>();

/** Ends a child with all that it has started: each child leads a process group of its own. */
function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The whole group has ended.
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    for (const child of children) endGroup(child, 'SIGKILL');
    process.exit(1);
  });
}

/** Runs a script on this Node; resolves with whether it succeeded and, if kept, its output. */
function node(args: readonly string[], output: 'shown' | 'kept'): Promise<{ ok: boolean; text: string }> {
  return new Promise((resolve, reject) => {
    const stdio = output === 'shown' ? 'inherit' : 'pipe';
    const child = spawn(process.execPath, args, { cwd: ROOT, detached: true, stdio: ['ignore', stdio, stdio] });
    children.add(child);
    let text = '';
    const keep = (chunk: Buffer): void => {
      text += chunk.toString();
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    const late = setTimeout(() => {
      console.error(`not done after ${String(LIMIT_MS / 60_000)} minutes, ended`);
      endGroup(child, 'SIGKILL');
    }, LIMIT_MS);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(late);
      children.delete(child);
      endGroup(child, 'SIGKILL');
      resolve({ ok: code === 0, text });
    });
  });
}

async function check(name: keyof typeof CHECKS): Promise<() => Tally> {
  const { ok, text } = await node(CHECKS[name], 'kept');
  return () => {
    console.log(`\n== ${name}: ${ok ? 'passed' : 'FAILED'}`);
    if (!ok) console.log(text.trim());
    return ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  };
}

/** A file that could not even be loaded has no test that failed; it counts as one. */
function tally(report: Report): Tally {
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length };
}

async function tests(kinds: readonly string[], filters: readonly string[]): Promise<Tally> {
  console.log(`\n== ${kinds.join(', ')} tests`);
  const folder = await mkdtemp(join(tmpdir(), 'earshot-tests-'));
  const file = join(folder, 'report.json');
  try {
    const { ok } = await node(
      [
        'node_modules/vitest/vitest.mjs',
        'run',
        '--config=test/vitest.config.ts',
        ...kinds.map((kind) => `--project=${kind}`),
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${file}`,
        '--passWithNoTests',
        ...filters,
      ],
      'shown',
    );
    const counted = await readFile(file, 'utf8').then(
      (text) => tally(JSON.parse(text) as Report),
      () => ({ passed: 0, failed: 0 }),
    );
    // Vitest also fails for what belongs to no test: an unhandled rejection, a crash, the time limit.
    return !ok && counted.failed === 0 ? { ...counted, failed: 1 } : counted;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function main(args: readonly string[]): Promise<boolean> {
  const isPart = (arg: string): boolean => arg in CHECKS || (KINDS as readonly string[]).includes(arg);
  const wanted = args.filter(isPart);
  const filters = args.filter((arg) => !isPart(arg));
  const kinds = KINDS.filter((kind) => wanted.includes(kind));
  const all = wanted.length === 0;
  const tallies: Tally[] = [];

  const names = (Object.keys(CHECKS) as (keyof typeof CHECKS)[]).filter((name) =>
    all ? filters.length === 0 : wanted.includes(name),
  );
  if (names.length > 0) console.log(`== ${names.join(', ')} …`);
  for (const told of await Promise.all(names.map(check))) tallies.push(told());

  if (all && filters.length > 0) tallies.push(await tests(KINDS, filters));
  else for (const kind of all ? KINDS : kinds) tallies.push(await tests([kind], filters));

  const passed = tallies.reduce((sum, each) => sum + each.passed, 0);
  const failed = tallies.reduce((sum, each) => sum + each.failed, 0);
  const untested = notTested();
  if (untested !== null) console.log(`\n${untested}`);
  console.log(`\n${String(passed)} passed, ${String(failed)} failed`);
  return failed === 0 && passed > 0;
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
