/** Earshot as a user runs it: a child process with a configuration file, watched from outside. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApiClient } from './api-client.ts';
import type { TestCertificate } from './certificate.ts';
import { freePort, isFree, rtpRange } from './ports.ts';
import { Child, processGroup } from './process.ts';
import type { Exit } from './process.ts';
import { realDrachtio, realFreeSwitch, sipPorts } from './real.ts';
import { until } from './until.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RTP_PORTS = 200;

export const DOMAIN = 'earshot.test';
/** The customer's side: numbers that begin so go out by the trunk. */
export const TRUNK_PREFIX = '+44';

export interface Person {
  readonly id: string;
  readonly extension: string;
  readonly password: string;
}

export interface EarshotOptions {
  /** Replaces or adds sections of the configuration, by their first level. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Profile of the supervisors' phones; default `generic`. */
  readonly profile?: string;
  /** Given to the policy section. */
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Users besides those of every test. */
  readonly moreUsers?: readonly (Readonly<Record<string, unknown>> & { readonly id: string })[];
  /** media.codecs; default PCMU and PCMA. */
  readonly codecs?: readonly string[];
  /** With one the WebSocket listener is a secure one, and there is none without TLS. */
  readonly certificate?: TestCertificate;
  /** How many RTP ports it has; a leg takes two. */
  readonly rtpPorts?: number;
}

const PEOPLE = {
  alice: { extension: '1001', role: 'agent', team: 'sales' },
  bob: { extension: '1002', role: 'agent', team: 'sales' },
  carol: { extension: '1003', role: 'agent', team: 'support' },
  sam: { extension: '2001', role: 'supervisor', teams: ['sales'] },
  sue: { extension: '2002', role: 'supervisor', teams: ['sales'] },
  root: { extension: '3001', role: 'admin' },
} as const;
export type PersonId = keyof typeof PEOPLE;

const ALL_PERMISSIONS = ['listen', 'whisper', 'barge', 'takeover', 'transfer', 'assign', 'end'];

export class Earshot {
  readonly sipPort: number;
  readonly wsPort: number;
  readonly apiPort: number;
  /** Where the product sends calls to the trunk: a test phone may listen there. */
  readonly trunkPort: number;
  readonly rtpPorts: readonly [number, number];
  readonly base: string;
  /** Where phones in browsers register. */
  readonly webSocketUrl: string;
  readonly #child: Child;
  readonly #folder: string;
  #stopped: Promise<Exit> | null = null;

  private constructor(child: Child, folder: string, ports: Ports, secure: boolean) {
    this.#child = child;
    this.#folder = folder;
    this.sipPort = ports.sip;
    this.wsPort = ports.ws;
    this.apiPort = ports.api;
    this.trunkPort = ports.trunk;
    this.rtpPorts = [ports.rtp, ports.rtp + ports.rtpCount - 1];
    this.base = `http://127.0.0.1:${ports.api}`;
    this.webSocketUrl = `${secure ? 'wss' : 'ws'}://127.0.0.1:${ports.ws}`;
  }

  /** Resolves once phones can register. Throws with the server's output if it does not come up. */
  static async start(options: EarshotOptions = {}): Promise<Earshot> {
    const ports: Ports = {
      ...(await sipListenPorts()),
      api: await freePort(),
      trunk: await freePort(),
      rtp: await rtpRange(options.rtpPorts ?? RTP_PORTS),
      rtpCount: options.rtpPorts ?? RTP_PORTS,
    };
    const folder = mkdtempSync(join(tmpdir(), 'earshot-'));
    const file = join(folder, 'earshot.json');
    writeFileSync(file, JSON.stringify(configuration(ports, options, folder), null, 2));
    if (options.certificate !== undefined) {
      for (const name of ['cert', 'key'] as const)
        writeFileSync(join(folder, `${name}.pem`), options.certificate[name]);
    }
    const child = new Child('earshot', process.execPath, ['src/main.ts', '--config', file], {
      cwd: ROOT,
      env: { EARSHOT_DATA: join(folder, 'data'), ...options.env },
    });
    const earshot = new Earshot(child, folder, ports, options.certificate !== undefined);
    try {
      await until(
        'GET /health/ready',
        async () => {
          if (!child.running) return true;
          return (await fetch(`${earshot.base}/health/ready`)).status === 200;
        },
        20_000,
      );
      if (!child.running) throw new Error('the server has ended');
    } catch (error) {
      await child.stop('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`Earshot did not start: ${String(error)}\n${child.output}`);
    }
    return earshot;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child.running;
  }

  get output(): string {
    return this.#child.output;
  }

  person(id: PersonId): Person {
    return { id, extension: PEOPLE[id].extension, password: `pw-${id}` };
  }

  client(id: string): ApiClient {
    return new ApiClient(this.base, tokenOf(id));
  }

  /**
   * SIGTERM, then proof that nothing is left: status 0, no process of its group, all its ports free again. Idempotent.
   */
  stop(): Promise<Exit> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<Exit> {
    const group = this.#child.pid;
    const exit = await this.#child.stop('SIGTERM', 10_000);
    const tail = this.#child.output.slice(-4000);
    const left = processGroup(group);
    for (const pid of left) process.kill(pid, 'SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
    if (exit.code !== 0) throw new Error(`Earshot ended with ${JSON.stringify(exit)}:\n${tail}`);
    if (left.length > 0) throw new Error(`Earshot left processes behind: ${left.join(', ')}`);
    const own = realDrachtio === null ? [this.sipPort, this.wsPort, this.apiPort] : [this.apiPort];
    for (const port of own) {
      if (!(await isFree(port))) throw new Error(`Earshot left port ${port} bound`);
    }
    return exit;
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    this.#stopped ??= this.#child.stop('SIGKILL');
    await this.#stopped;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface Ports {
  readonly sip: number;
  readonly ws: number;
  readonly api: number;
  readonly trunk: number;
  readonly rtp: number;
  readonly rtpCount: number;
}

/** Of the embedded SIP server, or of the drachtio-server that takes its place. */
async function sipListenPorts(): Promise<{ sip: number; ws: number }> {
  if (realDrachtio === null) return { sip: await freePort(), ws: await freePort() };
  const { udp = 0, ws = 0 } = await sipPorts(realDrachtio);
  return { sip: udp, ws };
}

function tokenOf(id: string): string {
  return `token-of-${id}-for-tests`;
}

function configuration(ports: Ports, options: EarshotOptions, folder: string): Record<string, unknown> {
  const secure = options.certificate !== undefined;
  const ids = Object.keys(PEOPLE) as PersonId[];
  const everyone = [...ids, ...(options.moreUsers ?? []).map(({ id }) => id)];
  return {
    sip: {
      listen: [
        `udp://127.0.0.1:${ports.sip}`,
        `tcp://127.0.0.1:${ports.sip}`,
        `${secure ? 'wss' : 'ws'}://127.0.0.1:${ports.ws}`,
      ],
      domain: DOMAIN,
      ...(secure ? { tls: { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') } } : {}),
      ...(realDrachtio === null ? {} : { server: 'drachtio', drachtio: realDrachtio }),
    },
    media: {
      address: '127.0.0.1',
      rtpPorts: [ports.rtp, ports.rtp + ports.rtpCount - 1],
      ...(options.codecs === undefined ? {} : { codecs: options.codecs }),
      ...(realFreeSwitch === null ? {} : { engine: 'freeswitch', freeswitch: [realFreeSwitch] }),
    },
    api: { listen: `127.0.0.1:${ports.api}`, tokens: everyone.map((id) => ({ user: id, token: tokenOf(id) })) },
    teams: [
      { id: 'sales', name: 'Sales' },
      { id: 'support', name: 'Support' },
    ],
    users: ids
      .map((id): Record<string, unknown> => ({
        id,
        name: `${id[0]!.toUpperCase()}${id.slice(1)}`,
        password: `pw-${id}`,
        ...PEOPLE[id],
        ...(PEOPLE[id].role === 'supervisor'
          ? { permissions: ALL_PERMISSIONS, phone: { profile: options.profile ?? 'generic' } }
          : {}),
      }))
      .concat(options.moreUsers ?? []),
    queues: [
      { id: 'sales', name: 'Sales', team: 'sales', numbers: ['8000'], wrapUpSeconds: 0, ringSeconds: 2 },
      { id: 'support', name: 'Support', team: 'support', numbers: ['8001'], wrapUpSeconds: 0 },
    ],
    trunks: [
      {
        id: 'pstn',
        hosts: ['127.0.0.1'],
        outbound: `sip:127.0.0.1:${ports.trunk}`,
        numbers: [`${TRUNK_PREFIX}*`],
      },
    ],
    policy: { ringSeconds: 20, ...options.policy },
    shutdown: { drainSeconds: 1 },
    ...options.config,
  };
}
