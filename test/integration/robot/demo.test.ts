import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { amplitudeOf, PILOT_PEAK, PILOTS } from '../../../src/robot/pilot.ts';
import { readWav } from '../../../src/robot/wav.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

async function demo(...args: readonly string[]): Promise<Outcome> {
  const script = ['src/cli/demo/demo.ts', ...args];
  const child = spawn(process.execPath, script, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, output };
}

it('the demo runs a whole supervised call, hears what it should in every step, and ends with status 0', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'earshot-demo-test-'));
  try {
    const { status, output } = await demo('--record', folder);
    expect(output).toContain('Everything heard was as it should be.');
    expect(output.match(/ as it should be, measured/g)).toHaveLength(7);
    expect(status).toBe(0);
    const supervisor = readWav(join(folder, 'supervisor-heard.wav'));
    expect(amplitudeOf(supervisor.subarray(4000, 12000), PILOTS.agent)).toBeGreaterThan(PILOT_PEAK / 2);
    expect(amplitudeOf(supervisor.subarray(4000, 12000), PILOTS.supervisor)).toBeLessThan(PILOT_PEAK / 10);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('the demo says how it is used', async () => {
  const { status, output } = await demo('--nonsense');
  expect(status).toBe(2);
  expect(output).toContain('Usage: npm run demo [-- --record FOLDER]');
});
