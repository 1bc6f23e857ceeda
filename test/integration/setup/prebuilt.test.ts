/**
 * Upstream's prebuilt mediasoup worker, served in the layout of upstream's releases: taken where it runs here; in every
 * other case its sources are built (up to the start of the build, which a command in the place of meson ends).
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { release, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebrtcWorkers } from '../../../media/mediasoup/webrtc/workers.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const OBTAIN = new URL('../../../src/setup/worker/obtain.mjs', import.meta.url).href;
const WORKER = process.env['MEDIASOUP_WORKER_BIN'] ?? '';
const VERSION = (
  JSON.parse(readFileSync(join(ROOT, 'node_modules/mediasoup/package.json'), 'utf8')) as { version: string }
).version;
/** What a start does: the step where it is due, then the path that the program is given. */
const START = `
  const { workerStep, workerBinary } = await import(process.argv[1]);
  const step = workerStep(process.argv[2]);
  if (await step.due()) await step.run();
  console.log(String(workerBinary(process.argv[2])));
`;
/** All that the setup asks for of the machine: what the build needs is there, and the build itself comes to nothing. */
const REAL = ['tar', 'gzip', 'nice'];
const PRESENT = ['g++', 'pkg-config', 'ninja', 'flatc'];

let folder: string;
let server: Server;
let asked: string[];
let reply: (response: ServerResponse) => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'earshot-prebuilt-'));
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    reply(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  mkdirSync(join(folder, 'bin'));
  for (const name of REAL) symlinkSync(pathOf(name), join(folder, 'bin', name));
  for (const name of PRESENT) command(name, 'exit 0');
  command('dpkg-query', 'printf installed');
  command('apt-get', 'exit 1');
  command('meson', `echo built >'${join(folder, 'meson-was-called')}'; echo not in this test; exit 1`);
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

function pathOf(name: string): string {
  const places = (process.env['PATH'] ?? '').split(delimiter).map((place) => join(place, name));
  return places.find((path) => existsSync(path)) ?? `/bin/${name}`;
}

function command(name: string, script: string): void {
  const file = join(folder, 'bin', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** An archive as upstream makes it: nothing but the worker, without a folder. */
function archive(worker: string | Buffer, name = 'mediasoup-worker'): Buffer {
  const content = join(folder, 'content');
  rmSync(content, { recursive: true, force: true });
  mkdirSync(content);
  writeFileSync(join(content, name), worker, { mode: 0o644 });
  const { stdout, status } = spawnSync('tar', ['-czf', '-', '-C', content, name], { maxBuffer: 2 ** 26 });
  expect(status).toBe(0);
  return stdout;
}

interface Outcome {
  readonly binary: string;
  readonly said: string;
  readonly status: number | null;
}

async function start(): Promise<Outcome> {
  const { port } = server.address() as AddressInfo;
  const child = spawn(process.execPath, ['--input-type=module', '-e', START, OBTAIN, ROOT], {
    env: {
      PATH: join(folder, 'bin'),
      EARSHOT_CACHE: join(folder, 'cache'),
      MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL: `http://127.0.0.1:${port}/releases/download`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { binary: out.trim(), said, status };
}

const cached = (): string => join(folder, `cache/mediasoup-worker/${VERSION}-${process.platform}-${process.arch}`);
const built = (): boolean => existsSync(join(folder, 'meson-was-called'));

it('is downloaded once, proved to run, kept outside the checkout, and used', async () => {
  reply = (response) => response.end(archive(readFileSync(WORKER)));
  const first = await start();
  const kernel = release().split('.')[0];
  expect(asked).toEqual([
    `/releases/download/${VERSION}/mediasoup-worker-${VERSION}-${process.platform}-${process.arch}-kernel${kernel}.tgz`,
  ]);
  expect(first).toMatchObject({ status: 0, binary: join(cached(), 'mediasoup-worker') });
  expect(first.said).toContain('the prebuilt worker was taken');
  expect(built()).toBe(false);
  expect(readdirSync(cached())).toEqual(['mediasoup-worker']);
  expect(readFileSync(first.binary).equals(readFileSync(WORKER))).toBe(true);

  const second = await start();
  expect(second).toEqual({ status: 0, binary: first.binary, said: '' });
  expect(asked).toHaveLength(1);

  const workers = new WebrtcWorkers({
    address: '127.0.0.1',
    ports: [20000, 29999],
    binary: first.binary,
    log: (_level, message) => expect.unreachable(message),
  });
  try {
    await workers.start();
    expect(readFileSync(`/proc/${workers.pids[0]}/cmdline`, 'utf8')).toContain(first.binary);
    (await workers.createRouter([])).close();
  } finally {
    workers.close();
  }
});

it('has the name that the installed mediasoup asks for', () => {
  const upstream = readFileSync(join(ROOT, 'node_modules/mediasoup/npm-scripts.mjs'), 'utf8');
  expect(upstream).toContain('`mediasoup-worker-${pkg.version}-${os.platform()}-${os.arch()}`');
  expect(upstream).toContain('`-kernel${kernelMajorVersion}`');
  expect(upstream).toContain('`${releaseBase}/${pkg.version}/${workerPrebuildTar}`');
  expect(upstream).toContain('error.status === 41');
});

const half = (whole: Buffer): Buffer => whole.subarray(0, whole.length / 2);

it.each<[string, (response: ServerResponse) => void, string]>([
  ['is not there', (response) => response.writeHead(404).end('Not Found'), 'the answer was 404'],
  ['is not given', (response) => response.writeHead(503).end(), 'the answer was 503'],
  ['is no archive', (response) => response.end('<html>Sign in to the network</html>'), 'the archive is damaged'],
  ['is cut off', (response) => response.end(half(archive(readFileSync(WORKER)))), 'the archive is damaged'],
  [
    'breaks off on the way',
    (response) => {
      const whole = archive(readFileSync(WORKER));
      response.writeHead(200, { 'content-length': whole.length });
      response.write(half(whole), () => response.destroy());
    },
    'tgz: ',
  ],
  ['holds something else', (response) => response.end(archive('text', 'README')), 'the archive is damaged'],
  [
    'was made for another machine',
    (response) => response.end(archive(half(readFileSync(WORKER)))),
    'this worker does not run here',
  ],
  [
    'lacks a library here',
    (response) => response.end(archive('#!/bin/sh\necho error while loading shared libraries\nexit 127\n')),
    'this worker does not run here',
  ],
])('that %s: the sources are built instead, and nothing of it is kept', async (_, serve, why) => {
  reply = serve;
  const { binary, said, status } = await start();
  expect(asked).toHaveLength(1);
  expect(said).toMatch(/no prebuilt worker: http:\/\/127\.0\.0\.1:\d+\/releases\/download\//);
  expect(said).toContain(why);
  expect(said).toContain('building the mediasoup worker from its sources');
  expect(built()).toBe(true);
  // The build came to nothing, which is told and remembered; the start goes on without WebRTC.
  expect({ binary, status }).toEqual({ binary: 'null', status: 0 });
  expect(said).toContain('WebRTC is off, SIP phones work: building the mediasoup worker failed');
  expect(readdirSync(cached())).toEqual(['failed.json']);
});

it('that cannot be reached: the sources are built, and the worker that comes of it is used', async () => {
  server.on('connection', (socket) => socket.destroy());
  // In the place of meson and ninja: puts the finished worker where they would.
  command('meson', 'for each; do build=$copy; copy=$each; done; /bin/mkdir "$build"');
  command('ninja', `if [ "$3" = mediasoup-worker ]; then /bin/cp '${WORKER}' "$2/$3"; fi`);
  const { binary, said } = await start();
  expect(said).toMatch(/no prebuilt worker: .*tgz: /);
  expect(said).toContain('building the mediasoup worker from its sources');
  expect(binary).toBe(join(cached(), 'mediasoup-worker'));
  expect(readdirSync(cached())).toEqual(['mediasoup-worker']);
});
