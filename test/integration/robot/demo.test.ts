import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

it('the demo runs a whole supervised call, hears what it should in every step, and ends with status 0', async () => {
  const child = spawn(process.execPath, ['src/cli/demo/demo.ts'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  expect(output).toContain('Everything heard was as it should be.');
  expect(output.match(/ as it should be, measured/g)).toHaveLength(7);
  expect(status).toBe(0);
});
