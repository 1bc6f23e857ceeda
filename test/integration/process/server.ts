/** The server as `npm start` runs it, with a configuration and a data folder that outlive it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RobotPhone } from '../../../src/robot/phone.ts';
import { ApiClient } from '../../support/api-client.ts';
import { freePort, freePorts } from '../../support/ports.ts';
import { Child } from '../../support/process.ts';
import { until } from '../../support/until.ts';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const RTP = 40;

export interface Site {
  readonly folder: string;
  readonly file: string;
  readonly sipPort: number;
  readonly apiPort: number;
  readonly base: string;
  config: Record<string, unknown>;
  remove(): void;
}

/** A folder with ports and a configuration of its own. */
export async function makeSite(): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'earshot-process-'));
  const [sipPort, apiPort, rtp] = [await freePort(), await freePort(), await freePorts(RTP)];
  const users = [
    { id: 'alice', name: 'Alice', role: 'agent', team: 'sales', extension: '1001', password: 'pw-alice' },
    { id: 'sam', name: 'Sam', role: 'supervisor', teams: ['sales'], extension: '2001', password: 'pw-sam' },
    { id: 'root', name: 'Root', role: 'admin', extension: '3001', password: 'pw-root' },
  ];
  return {
    folder,
    file: join(folder, 'earshot.json'),
    sipPort,
    apiPort,
    base: `http://127.0.0.1:${apiPort}`,
    config: {
      sip: { listen: [`udp://127.0.0.1:${sipPort}`], domain: 'earshot.test' },
      media: { rtpPorts: [rtp, rtp + RTP - 1] },
      api: {
        listen: `127.0.0.1:${apiPort}`,
        tokens: [
          { user: 'sam', token: 'token-of-sam' },
          { user: 'root', token: 'token-of-root' },
        ],
      },
      teams: [{ id: 'sales', name: 'Sales' }],
      users,
      queues: [{ id: 'sales', name: 'Sales', team: 'sales', numbers: ['8000'] }],
      trunks: [{ id: 'pstn', hosts: ['127.0.0.1'] }],
      shutdown: { drainSeconds: 60 },
    },
    remove() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts the server and waits for nothing. */
export function launch(site: Site, args: readonly string[] = ['--config', site.file]): Child {
  writeFileSync(site.file, JSON.stringify(site.config));
  return new Child('earshot', process.execPath, ['--disable-warning=ExperimentalWarning', 'src/main.ts', ...args], {
    cwd: ROOT,
    env: { EARSHOT_DATA: join(site.folder, 'data') },
  });
}

/** Starts it and waits until phones can register. */
export async function start(site: Site): Promise<Child> {
  const child = launch(site);
  await until(
    `the server to be ready: ${site.base}`,
    async () => {
      if (!child.running) throw new Error(child.output);
      return (await fetch(`${site.base}/health/ready`)).status === 200;
    },
    20_000,
  );
  return child;
}

export function client(site: Site, user: 'sam' | 'root'): ApiClient {
  return new ApiClient(site.base, `token-of-${user}`);
}

/** A robot phone of the site; with a password it is registered when this resolves. */
export async function robot(site: Site, number: string, password?: string): Promise<RobotPhone> {
  const phone = await RobotPhone.start({
    name: number,
    number,
    domain: 'earshot.test',
    server: { host: '127.0.0.1', port: site.sipPort },
    pilotHz: 440,
    pilots: new Map(),
    answers: number === '1001' ? 'always' : 'asked',
    ...(password === undefined ? {} : { password }),
  });
  if (password !== undefined) await phone.register();
  return phone;
}
