import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

interface Obtain {
  workerBinary(root: string): string | null;
}

const root = fileURLToPath(new URL('..', import.meta.url));

// Tests that are started by hand, without the setup of `npm test`, use the worker that an earlier setup obtained.
const obtain = (await import(new URL('../src/setup/worker/obtain.mjs', import.meta.url).href)) as Obtain;
const worker = obtain.workerBinary(root);

const common = {
  env: worker === null ? {} : { MEDIASOUP_WORKER_BIN: worker },
  restoreMocks: true,
  setupFiles: [fileURLToPath(new URL('support/seed.ts', import.meta.url))],
};

export default defineConfig({
  root,
  test: {
    projects: [
      { test: { ...common, name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000 } },
      {
        test: {
          ...common,
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...common,
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
