/** The control API as the console uses it: JSON in and out, refusals as `Problem`. */
import type { AgentState, CallView, Mode, QueueView, SupervisionView, UserView } from '../../../call/views.ts';
import type { Destination, TimelineEntry } from '../../../control/service.ts';
import type { PhoneChoice } from '../prefs.ts';

export type { Destination, TimelineEntry };

export interface Me {
  readonly id: string;
  readonly name: string;
  readonly role: 'agent' | 'supervisor' | 'admin';
  readonly permissions: readonly string[];
  readonly teams: readonly string[];
  readonly extension: string;
  readonly webrtc: { readonly available: boolean; readonly reason?: string };
}

export interface SoftphoneAccount {
  readonly wsUrl: string;
  readonly uri: string;
  readonly authorizationUser: string;
  readonly realm: string;
  readonly ha1: string;
  readonly displayName: string;
  readonly iceServers: readonly { urls: string[]; username?: string; credential?: string }[];
}

export interface SoftphoneView {
  readonly available: boolean;
  readonly off: 'media' | 'listener' | 'digest' | null;
  readonly detail: string | null;
  readonly account: SoftphoneAccount | null;
}

/** A refusal (RFC 9457), or a request that came to nothing: `offline`. */
export class Problem extends Error {
  readonly code: string;
  readonly fields: Readonly<Record<string, unknown>>;
  constructor(code: string, detail: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(detail);
    this.name = 'Problem';
    this.code = code;
    this.fields = fields;
  }
}

const BASE = '/api/v1';

async function request(method: string, path: string, body?: unknown): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method,
      cache: 'no-store',
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem('offline', 'The server cannot be reached.');
  }
  if (response.status === 204) return null;
  const answer = (await response.json().catch(() => null)) as unknown;
  if (response.ok) return answer;
  const fields = typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : {};
  const code = typeof fields['code'] === 'string' ? fields['code'] : 'internal_error';
  const detail = typeof fields['detail'] === 'string' ? fields['detail'] : `HTTP ${response.status}`;
  throw new Problem(code, detail, fields);
}

const call = (id: string): string => `/calls/${encodeURIComponent(id)}`;
const post = (path: string, body?: unknown): Promise<CallView> => request('POST', path, body) as Promise<CallView>;

export const api = {
  signIn: (username: string, password: string) => request('POST', '/session', { username, password }) as Promise<Me>,
  signOut: () => request('DELETE', '/session'),
  me: () => request('GET', '/me') as Promise<Me>,
  softphone: () => request('GET', '/me/softphone') as Promise<SoftphoneView>,
  /** What this server offers, as `POST /calls/{id}/hold`. */
  async operations(): Promise<ReadonlySet<string>> {
    const document = (await request('GET', '/openapi.json')) as { paths: Record<string, Record<string, unknown>> };
    return new Set(
      Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(BASE, '')}`),
      ),
    );
  },

  agents: () => request('GET', '/agents') as Promise<UserView[]>,
  supervisors: () => request('GET', '/supervisors') as Promise<UserView[]>,
  queues: () => request('GET', '/queues') as Promise<QueueView[]>,
  calls: () => request('GET', '/calls') as Promise<CallView[]>,
  timeline: (id: string) => request('GET', `${call(id)}/timeline`) as Promise<TimelineEntry[]>,
  setState: (id: string, state: AgentState, reason?: string) =>
    request('PUT', `/agents/${encodeURIComponent(id)}/state`, {
      state,
      ...(reason === undefined || reason === '' ? {} : { reason }),
    }) as Promise<UserView>,

  supervise: (id: string, body: { mode: Mode; target?: string; phone?: string }) =>
    request('POST', `${call(id)}/supervisions`, body) as Promise<SupervisionView>,
  change: (id: string, body: { mode?: Mode; paused?: boolean }) =>
    request('PATCH', `/supervisions/${encodeURIComponent(id)}`, body) as Promise<SupervisionView>,
  stop: (id: string) => request('DELETE', `/supervisions/${encodeURIComponent(id)}`) as Promise<SupervisionView>,

  dial: (body: { agent: string; to: string; phone?: PhoneChoice }) => post('/calls', body),
  operate: (id: string, operation: Operation, body?: { phone?: PhoneChoice }) => post(`${call(id)}/${operation}`, body),
  send: (id: string, operation: 'transfer' | 'consult', to: Destination) => post(`${call(id)}/${operation}`, { to }),
  assign: (id: string, to: Destination, override: boolean) =>
    post(`${call(id)}/assign`, { to, override }) as Promise<CallView & { readonly excess: number }>,
};

/** Operations on a call that need nothing but its id. */
export type Operation =
  | 'hold'
  | 'resume'
  | 'hangup'
  | 'consult/complete'
  | 'consult/cancel'
  | 'conference'
  | 'takeover'
  | 'end';
