/** An API on a free port over a MemoryControl, and a client that knows its tokens. */
import { parseConfig } from '../../../src/config/load.ts';
import { createApi, type Api, type ApiOptions, type Health } from '../../../src/api/index.ts';
import { MemoryControl } from './memory-control.ts';

export const CONFIG = {
  api: {
    listen: '127.0.0.1:0',
    tokens: [
      { user: 'sam', token: 'secret-of-sam' },
      { user: 'root', token: 'secret-of-root' },
      { user: 'tom', token: 'secret-of-tom' },
    ],
  },
  teams: [
    { id: 'sales', name: 'Sales' },
    { id: 'support', name: 'Support' },
  ],
  users: [
    { id: 'alice', name: 'Alice', role: 'agent', team: 'sales', extension: '1001', password: 'pw-alice' },
    {
      id: 'sam',
      name: 'Sam',
      role: 'supervisor',
      teams: ['sales'],
      extension: '2001',
      password: 'pw-sam',
      permissions: ['listen', 'whisper'],
    },
    { id: 'tom', name: 'Tom', role: 'supervisor', teams: ['support'], extension: '2002', password: 'pw-tom' },
    { id: 'root', name: 'Root', role: 'admin', extension: '3001', password: 'pw-root' },
  ],
  queues: [{ id: 'sales', name: 'Sales', team: 'sales', numbers: ['8000'] }],
};

export interface Harness {
  readonly api: Api;
  readonly control: MemoryControl;
  readonly url: string;
  readonly logged: string[];
  readonly clock: { now: number };
  /** What is added to the ids of events. */
  readonly idBase: number;
  health: Health;
  call(path: string, init?: Init): Promise<Answer>;
}

export interface Init {
  readonly method?: string;
  /** User whose token is sent; null: none. Default sam. */
  readonly as?: string | null;
  readonly json?: unknown;
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: never;
}

export async function startApi(api: Record<string, unknown> = {}, options: Partial<ApiOptions> = {}): Promise<Harness> {
  const { config, faults } = parseConfig(JSON.stringify({ ...CONFIG, api: { ...CONFIG.api, ...api } }));
  if (config === undefined) throw new Error(JSON.stringify(faults));
  const control = new MemoryControl(config);
  const logged: string[] = [];
  const clock = { now: Date.now() };
  const idBase = clock.now * 1000;
  const harness = { health: { ready: true, parts: { sip: 'ok' } } };
  const server = createApi({
    control,
    config,
    webrtc: { available: false, reason: 'no worker' },
    version: '0.0.0',
    health: () => harness.health,
    log: (level, message) => logged.push(`${level} ${message}`),
    now: () => clock.now,
    ...options,
  });
  const { url } = await server.listen();
  const call = async (path: string, init: Init = {}): Promise<Answer> => {
    const { as = 'sam', json } = init;
    const headers = {
      ...(as === null ? {} : { authorization: `Bearer secret-of-${as}` }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...init.headers,
    };
    const body = json === undefined ? (init.body ?? null) : JSON.stringify(json);
    const address = /^\/(api|health|metrics|docs)/.test(path) || path === '/' ? path : `/api/v1${path}`;
    const method = init.method ?? 'GET';
    const response = await fetch(url + address, { method, headers, body: body as string | null, redirect: 'manual' });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: (isJson ? JSON.parse(text) : null) as never,
    };
  };
  return Object.assign(harness, { api: server, control, url, logged, clock, idBase, call });
}
