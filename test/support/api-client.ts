/** The control API as a user of it sees it: HTTP and JSON, a bearer token, problems as errors. */
import type { AgentState, CallView, Mode, QueueView, SupervisionView, UserView } from '../../src/call/views.ts';
import { EventStream } from './sse.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly contentType: string;
}

/** A refusal by the API (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: Readonly<Record<string, unknown>>;
  constructor(what: string, status: number, fields: Readonly<Record<string, unknown>>) {
    super(`${what}: ${status} ${JSON.stringify(fields)}`);
    this.name = 'Problem';
    this.status = status;
    this.code = String(fields['code']);
    this.fields = fields;
  }
}

export class ApiClient {
  readonly base: string;
  readonly #token: string;

  /** `base` is `http://HOST:PORT`. */
  constructor(base: string, token: string) {
    this.base = base;
    this.#token = token;
  }

  /** Any request under /api/v1; never throws for a status. */
  async request(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.base}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const contentType = response.headers.get('content-type') ?? '';
    return { status: response.status, contentType, body: contentType.includes('json') ? JSON.parse(text) : text };
  }

  calls(): Promise<CallView[]> {
    return this.#ask('GET', '/calls');
  }

  call(id: string): Promise<CallView> {
    return this.#ask('GET', `/calls/${id}`);
  }

  agents(): Promise<UserView[]> {
    return this.#ask('GET', '/agents');
  }

  async agent(id: string): Promise<UserView> {
    const found = (await this.agents()).find((agent) => agent.id === id);
    if (found === undefined) throw new Error(`GET /agents does not show ${id}`);
    return found;
  }

  queues(): Promise<QueueView[]> {
    return this.#ask('GET', '/queues');
  }

  setState(agent: string, state: AgentState): Promise<UserView> {
    return this.#ask('PUT', `/agents/${agent}/state`, { state });
  }

  dial(agent: string, to: string): Promise<CallView> {
    return this.#ask('POST', '/calls', { agent, to });
  }

  supervise(
    callId: string,
    request: { readonly mode: Mode; readonly target?: string; readonly phone?: string },
  ): Promise<SupervisionView> {
    return this.#ask('POST', `/calls/${callId}/supervisions`, request);
  }

  supervision(id: string): Promise<SupervisionView> {
    return this.#ask('GET', `/supervisions/${id}`);
  }

  supervisions(): Promise<SupervisionView[]> {
    return this.#ask('GET', '/supervisions');
  }

  change(id: string, change: { readonly mode?: Mode; readonly paused?: boolean }): Promise<SupervisionView> {
    return this.#ask('PATCH', `/supervisions/${id}`, change);
  }

  stop(id: string): Promise<unknown> {
    return this.#ask('DELETE', `/supervisions/${id}`);
  }

  hangup(callId: string): Promise<unknown> {
    return this.#ask('POST', `/calls/${callId}/hangup`);
  }

  events(lastEventId?: string): Promise<EventStream> {
    return EventStream.open(`${this.base}/api/v1/events`, this.#token, lastEventId);
  }

  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.request(method, path, body);
    if (answer.status >= 400) {
      throw new Problem(`${method} ${path}`, answer.status, (answer.body ?? {}) as Record<string, unknown>);
    }
    return answer.body as T;
  }
}
