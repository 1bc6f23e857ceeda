import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore, RESTARTED } from '../../../src/store/index.ts';

const WRITER = fileURLToPath(new URL('writer.ts', import.meta.url));
const ROUNDS = 25;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'earshot-kill-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the writer from call `first` on, kills it `ms` after it has opened the store; returns the acknowledged calls. */
function writeAndKill(first: number, ms: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WRITER, folder, String(first)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      if (text === '') setTimeout(() => child.kill('SIGKILL'), ms);
      text += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the writer ended with ${code} ${signal}: ${text}`));
      else resolve([...text.matchAll(/^ok (\d+)\n/gm)].map((match) => Number(match[1])));
    });
  });
}

test('a kill -9 at any moment loses and doubles nothing that was acknowledged', { timeout: 120_000 }, async () => {
  const acknowledged: number[] = [];
  let first = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // From the very first moment on, in steps that never fall together with the commits.
    const kept = await writeAndKill(first, round * 7.3);
    acknowledged.push(...kept);
    first += 100_000;
  }
  expect(acknowledged.length).toBeGreaterThan(100);

  const store = await openStore({ folder, teamsOf: () => [], log: () => undefined });
  await store.close();
  const db = new DatabaseSync(join(folder, 'earshot.db'));
  try {
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    const names = (sql: string): string[] =>
      db
        .prepare(sql)
        .all()
        .map((row) => String(Object.values(row)[0]));

    const calls = names('SELECT id FROM calls ORDER BY seq');
    expect(new Set(calls).size).toBe(calls.length);
    const callSet = new Set(calls);
    expect(acknowledged.filter((n) => !callSet.has(`c${n}`))).toEqual([]);
    // A transaction is there as a whole or not at all: every call that was begun has exactly one beginning and one end.
    expect(names("SELECT call_id FROM timeline WHERE type = 'call.created' ORDER BY call_id")).toEqual(
      [...calls].sort(),
    );
    expect(names("SELECT call_id FROM timeline WHERE type = 'call.closed' ORDER BY call_id")).toEqual(
      [...calls].sort(),
    );

    for (const event of ['started', 'ended']) {
      const audits = names(`SELECT supervision_id FROM audit WHERE event = '${event}' ORDER BY seq`);
      expect(new Set(audits).size).toBe(audits.length);
      const set = new Set(audits);
      expect(acknowledged.filter((n) => !set.has(`s${n}`))).toEqual([]);
    }
    const open = `SELECT supervision_id FROM audit GROUP BY supervision_id HAVING sum(event = 'ended') <> 1`;
    expect(names(open)).toEqual([]);
    // What was cut off is said to have been cut off.
    const cut = names(`SELECT id FROM calls WHERE json_extract(data, '$.endReason') = '${RESTARTED}'`);
    expect(cut.filter((id) => acknowledged.includes(Number(id.slice(1))))).toEqual([]);
  } finally {
    db.close();
  }
});
