import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const LOCK = new URL('../../../src/setup/lock.mjs', import.meta.url).href;
/** Adds one to a number in a file, slowly: two at once would lose one. */
const WORK = `
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
const { withLock } = await import(process.argv[1]);
const [, , lock, file] = process.argv;
for (let i = 0; i < 5; i++) {
  await withLock(lock, async () => {
    const value = Number(readFileSync(file, 'utf8'));
    await sleep(10);
    writeFileSync(file, String(value + 1));
  });
}
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'earshot-lock-'));
  writeFileSync(join(folder, 'number'), '0');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function work(): Promise<number> {
  const args = ['--input-type=module', '-e', WORK, LOCK, join(folder, 'lock'), join(folder, 'number')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'ignore'] });
  const [status] = (await once(child, 'close')) as [number];
  return status;
}

describe('the lock of the setup', () => {
  it('lets one process work at a time, and leaves nothing', async () => {
    expect(await Promise.all([work(), work(), work()])).toEqual([0, 0, 0]);
    expect(readFileSync(join(folder, 'number'), 'utf8')).toBe('15');
    expect(readdirSync(folder)).toEqual(['number']);
  });

  it.each([
    ['has died', '999999999 1'],
    ['has died and whose number another process has now', `${process.pid} 1`],
    ['is not told', 'nonsense'],
  ])('is taken from a holder that %s', async (_what, holder) => {
    writeFileSync(join(folder, 'lock'), holder);
    expect(await Promise.all([work(), work()])).toEqual([0, 0]);
    expect(readFileSync(join(folder, 'number'), 'utf8')).toBe('10');
  });
});
