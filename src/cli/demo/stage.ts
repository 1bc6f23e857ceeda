/** The demo's server: Earshot as it is, in a process of its own, on free loopback ports with a folder that is thrown away. */
import { randomInt } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));
const START_LIMIT = 30_000; // ms
const STOP_LIMIT = 8_000;
const RTP_PORTS = 100;

export const DOMAIN = 'earshot.local';
export const TOKEN = 'demo-token-of-sam-on-loopback';
export const PASSWORDS = { alice: 'demo-alice', sam: 'demo-sam' } as const;

export interface Stage {
  readonly sipPort: number;
  readonly api: string;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Resolves once phones can register. Throws with the server's last words where it does not come up. */
export async function openStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'earshot-demo-'));
  const [sip, ws, http] = [await freePort(), await freePort(), await freePort()];
  const rtp = 21_000 + 2 * Math.floor(Math.random() * 3_000);
  const file = join(folder, 'earshot.json');
  writeFileSync(file, JSON.stringify(configuration(sip, ws, http, rtp), null, 2));
  const child = spawn(process.execPath, [MAIN, '--config', file], {
    cwd: ROOT,
    env: { ...process.env, EARSHOT_DATA: join(folder, 'data') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closing ??= stop(child).finally(() => rmSync(folder, { recursive: true, force: true }));
    return closing;
  };
  const api = `http://127.0.0.1:${http}`;
  try {
    await ready(child, api);
  } catch (error) {
    await close();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${output.trim()}`, { cause: error });
  }
  return { sipPort: sip, api, close };
}

async function ready(child: ChildProcess, api: string): Promise<void> {
  const failed: Error[] = [];
  child.once('error', (error) => failed.push(error));
  for (const deadline = Date.now() + START_LIMIT; Date.now() < deadline;) {
    await sleep(50);
    if (failed[0] !== undefined) throw failed[0];
    if (child.exitCode !== null) throw new Error(`Earshot ended with status ${child.exitCode}`);
    const status = await fetch(`${api}/health/ready`).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
  }
  throw new Error(`Earshot is not ready after ${START_LIMIT / 1000} s`);
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      resolve();
      return;
    }
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT);
    child.once('close', () => {
      clearTimeout(late);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/**
 * A port that is free for UDP and TCP on loopback at this moment. Below the ports that the kernel gives to outgoing
 * connections (32768 on), none of which can take it before it is used.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const listens = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (!listens) continue;
    const free = await new Promise<boolean>((resolve) => {
      const socket = createSocket('udp4');
      socket.once('error', () => {
        socket.close();
        resolve(false);
      });
      socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

function configuration(sip: number, ws: number, http: number, rtp: number): unknown {
  return {
    sip: {
      listen: [`udp://127.0.0.1:${sip}`, `tcp://127.0.0.1:${sip}`, `ws://127.0.0.1:${ws}`],
      domain: DOMAIN,
    },
    media: { address: '127.0.0.1', rtpPorts: [rtp, rtp + RTP_PORTS - 1] },
    api: { listen: `127.0.0.1:${http}`, tokens: [{ user: 'sam', token: TOKEN }] },
    teams: [{ id: 'sales', name: 'Sales' }],
    users: [
      { id: 'alice', name: 'Alice', role: 'agent', team: 'sales', extension: '1001', password: PASSWORDS.alice },
      {
        id: 'sam',
        name: 'Sam',
        role: 'supervisor',
        teams: ['sales'],
        extension: '2001',
        password: PASSWORDS.sam,
        permissions: ['listen', 'whisper', 'barge'],
        phone: { profile: 'generic' },
      },
    ],
    queues: [{ id: 'sales', name: 'Sales', team: 'sales', numbers: ['8000'] }],
    trunks: [{ id: 'pstn', hosts: ['127.0.0.1'] }],
    shutdown: { drainSeconds: 0 },
  };
}
