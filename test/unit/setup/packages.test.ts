import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const setup = (file: string): Promise<unknown> => import(new URL(`../../../src/setup/${file}`, import.meta.url).href);

const { packagesFit } = (await setup('npm.mjs')) as {
  packagesFit: (root: string, options: { dev: boolean }) => boolean;
};
const { SHIMS, SHIM_OPTIONS, PATCHES } = (await setup('worker/shims.mjs')) as {
  SHIMS: Record<string, Record<string, string>>;
  SHIM_OPTIONS: Record<string, Record<string, string>>;
  PATCHES: { file: string; from: string | RegExp; to: string }[];
};
const LIST = JSON.parse(readFileSync(join(ROOT, 'src/setup/debian-packages.json'), 'utf8')) as Record<
  'test' | 'worker',
  Record<string, string | null>
>;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'earshot-packages-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the npm packages', () => {
  const wanted = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '2.0.0', dev: true },
    'node_modules/c': { version: '3.0.0', optional: true },
  };
  const write = (file: string, packages: object): void => {
    mkdirSync(join(folder, dirname(file)), { recursive: true });
    writeFileSync(join(folder, file), JSON.stringify({ packages }));
  };
  const install = (...names: string[]): void => {
    const present = Object.entries(wanted).filter(([path]) => names.includes(path.slice(-1)));
    write('node_modules/.package-lock.json', Object.fromEntries(present));
    for (const [path] of present) write(join(path, 'package.json'), {});
  };
  beforeEach(() => write('package-lock.json', wanted));

  it('fit where npm’s own record agrees with the lock file, whoever installed them', () => {
    install('a', 'b');
    expect(packagesFit(folder, { dev: true })).toBe(true);
  });

  it('fit for the server without those for development', () => {
    install('a');
    expect(packagesFit(folder, { dev: false })).toBe(true);
    expect(packagesFit(folder, { dev: true })).toBe(false);
  });

  it('do not fit after an interrupted installation, a removed folder or another version', () => {
    expect(packagesFit(folder, { dev: true })).toBe(false);
    install('a', 'b');
    rmSync(join(folder, 'node_modules/a'), { recursive: true });
    expect(packagesFit(folder, { dev: true })).toBe(false);
    install('a', 'b');
    write('package-lock.json', { ...wanted, 'node_modules/a': { version: '1.0.1' } });
    expect(packagesFit(folder, { dev: true })).toBe(false);
  });
});

describe('the recipe of the mediasoup worker', () => {
  const sources = join(ROOT, 'node_modules/mediasoup/worker');

  it('has every patch fit the installed version once', () => {
    for (const { file, from } of PATCHES) {
      expect(readFileSync(join(sources, file), 'utf8').split(from), file).toHaveLength(2);
    }
  });

  it('stands in for every subproject that is asked for on Linux, with every variable and option', () => {
    const build =
      readFileSync(join(sources, 'meson.build'), 'utf8') +
      readFileSync(join(sources, 'deps/libwebrtc/meson.build'), 'utf8');
    const elsewhere = ['wingetopt', 'liburing', 'catch2', 'libwebrtc-fuzzer'];
    const asked = [...build.matchAll(/(\w+)_proj = subproject\(\s*'([^']+)'([^)]*)\)/g)].filter(
      ([, , name]) => !elsewhere.includes(name!),
    );
    expect(new Set(asked.map(([, , name]) => name))).toEqual(new Set(Object.keys(SHIMS)));
    for (const [, project, name, options] of asked) {
      const shim = SHIMS[name!]!['meson.build'];
      for (const [, variable] of build.matchAll(new RegExp(`${project!}_proj\\.get_variable\\('([^']+)'\\)`, 'g'))) {
        expect(shim, `${name!}: ${variable!}`).toContain(`${variable!} = `);
      }
      const set = [...options!.matchAll(/'([a-z_-]+)=/g)].map(([, option]) => option!);
      const builtIn = ['warning_level', 'cpp_std', 'default_library', 'b_sanitize'];
      const own = set.filter((option) => !builtIn.includes(option));
      expect(Object.keys(SHIM_OPTIONS[name!] ?? {}), name).toEqual(own);
    }
  });

  it('asks for the Debian packages that the Dockerfile installs', () => {
    const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
    const stage = dockerfile.slice(dockerfile.indexOf(' AS worker'), dockerfile.indexOf('WORKDIR /build'));
    for (const name of Object.keys(LIST.worker)) expect(stage.split(/\s+/), name).toContain(name);
  });
});

describe('Debian packages that are missing', () => {
  const ASK = `
    const { installPackages, missingPackages } = await import(process.argv[1]);
    const missing = await missingPackages('test');
    await installPackages(missing, 'installing').catch((error) => console.log(error.message));
  `;

  it('are named with the command for a person, where they may not be installed', () => {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    for (const name of ['apt-get', 'chromium']) symlinkSync('/bin/false', join(bin, name));
    const debian = new URL('../../../src/setup/debian.mjs', import.meta.url).href;
    const unprivileged = `process.getuid = () => 1000; ${ASK}`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', unprivileged, debian], {
      env: { PATH: bin },
      encoding: 'utf8',
    });
    const names = Object.keys(LIST.test).filter((name) => name !== 'chromium');
    expect(stdout).toContain(`these Debian packages are missing: ${names.join(' ')}`);
    expect(stdout).toContain(`apt-get update && apt-get install -y --no-install-recommends ${names.join(' ')}`);
  });
});

describe('a mediasoup worker that cannot be had', () => {
  const STEP = `
    const { workerStep, workerBinary } = await import(process.argv[1]);
    const step = workerStep(process.argv[2]);
    if (await step.due()) { console.log('due'); await step.run(); }
    console.log(String(workerBinary(process.argv[2])));
  `;

  it('is told with what to do, does not stop the start, and is not tried again at once', () => {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync('/bin/false', join(bin, 'apt-get'));
    const obtain = new URL('../../../src/setup/worker/obtain.mjs', import.meta.url).href;
    const ask = (): { stdout: string; stderr: string; status: number | null } =>
      spawnSync(process.execPath, ['--input-type=module', '-e', `process.getuid = () => 1000; ${STEP}`, obtain, ROOT], {
        env: { PATH: bin, EARSHOT_CACHE: join(folder, 'cache'), MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD: '1' },
        encoding: 'utf8',
      });
    const first = ask();
    expect(first).toMatchObject({ status: 0, stdout: 'due\nnull\n' });
    expect(first.stderr).toMatch(/WebRTC is off, SIP phones work: /);
    expect(first.stderr).toMatch(/to turn it on, as root: apt-get update && apt-get install .*meson/);
    const second = ask();
    expect(second).toMatchObject({ status: 0, stdout: 'null\n' });
    expect(second.stderr).toMatch(/WebRTC is off, SIP phones work: /);
  });

  it('is the one that MEDIASOUP_WORKER_BIN names, whatever else there is', () => {
    const obtain = new URL('../../../src/setup/worker/obtain.mjs', import.meta.url).href;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', STEP, obtain, ROOT], {
      env: { PATH: process.env['PATH'], MEDIASOUP_WORKER_BIN: '/opt/worker' },
      encoding: 'utf8',
    });
    expect(stdout).toBe('/opt/worker\n');
  });
});
