/** The calls of the HTTP API that the demo makes as the supervisor. */
import { z } from 'zod';
import { TOKEN } from './stage.ts';

const callSchema = z.object({ id: z.string(), state: z.string() });
const supervisionSchema = z.object({ id: z.string(), mode: z.string(), paused: z.boolean(), state: z.string() });
const callsSchema = z.union([z.array(callSchema), z.object({ calls: z.array(callSchema) }).transform((v) => v.calls)]);

export type Supervision = z.infer<typeof supervisionSchema>;

export class SupervisorApi {
  readonly #base: string;

  constructor(base: string) {
    this.#base = `${base}/api/v1`;
  }

  /** Id of the call that is in progress; null while there is none. */
  async activeCall(): Promise<string | null> {
    const calls = callsSchema.parse(await this.#ask('GET', '/calls'));
    return calls.find((call) => call.state === 'active')?.id ?? null;
  }

  async supervise(callId: string, mode: string): Promise<Supervision> {
    return supervisionSchema.parse(await this.#ask('POST', `/calls/${callId}/supervisions`, { mode }));
  }

  async supervision(id: string): Promise<Supervision> {
    return supervisionSchema.parse(await this.#ask('GET', `/supervisions/${id}`));
  }

  /** Resolves when the change is audible. */
  async change(id: string, change: { mode?: string; paused?: boolean }): Promise<void> {
    await this.#ask('PATCH', `/supervisions/${id}`, change);
  }

  async stop(id: string): Promise<void> {
    await this.#ask('DELETE', `/supervisions/${id}`);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.#base + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
    return text === '' ? null : JSON.parse(text);
  }
}
