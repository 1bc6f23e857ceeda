/** A client of server-sent events (WHATWG HTML, section 9.2), as much of it as /events uses. */
import { until } from './until.ts';

export interface StreamEvent {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
}

export class EventStream {
  readonly events: StreamEvent[] = [];
  /** Set once the server has ended the stream. */
  ended = false;
  readonly #abort: AbortController;

  private constructor(abort: AbortController) {
    this.#abort = abort;
  }

  static async open(url: string, token: string, lastEventId?: string): Promise<EventStream> {
    const abort = new AbortController();
    const response = await fetch(url, {
      headers: {
        accept: 'text/event-stream',
        authorization: `Bearer ${token}`,
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
      signal: abort.signal,
    });
    if (response.status !== 200 || response.body === null) throw new Error(`/events answered ${response.status}`);
    const stream = new EventStream(abort);
    void stream.#read(response.body);
    return stream;
  }

  /** The first event, past or to come, for which `wanted` is true. */
  async next(what: string, wanted: (event: StreamEvent) => boolean, limitMs = 5000): Promise<StreamEvent> {
    return await until(what, () => this.events.find(wanted), limitMs);
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    try {
      for await (const chunk of body) {
        text += decoder.decode(chunk, { stream: true });
        const blocks = text.split(/\r?\n\r?\n/);
        text = blocks.pop() ?? '';
        for (const block of blocks) this.#take(block);
      }
    } catch {
      // Aborted by close, or cut off: either way the stream is over.
    }
    this.ended = true;
  }

  #take(block: string): void {
    const fields = { id: '', event: 'message', data: [] as string[] };
    for (const line of block.split(/\r?\n/)) {
      const colon = line.indexOf(':');
      if (colon <= 0) continue; // a comment, or nothing
      const value = line.slice(colon + 1).replace(/^ /, '');
      const name = line.slice(0, colon);
      if (name === 'id') fields.id = value;
      else if (name === 'event') fields.event = value;
      else if (name === 'data') fields.data.push(value);
    }
    if (fields.data.length === 0) return;
    this.events.push({ id: fields.id, type: fields.event, data: JSON.parse(fields.data.join('\n')) as unknown });
  }
}
