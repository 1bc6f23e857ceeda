/** Server-sent events from their bytes (WHATWG HTML, section 9.2.6). No I/O. */

export interface ServerSentEvent {
  /** Id of the newest event so far; null before the first. */
  readonly id: string | null;
  readonly type: string;
  readonly data: string;
}

/**
 * The browser's own EventSource hides what we want to know: the heartbeat that shows the line to be alive, and the status
 * of a refusal. So the stream is read by fetch, and taken apart here.
 */
export class EventParser {
  #rest = '';
  #data: string[] = [];
  #type = '';
  #id: string | null = null;
  #decoder = new TextDecoder();

  /** Id of the newest event, also of one without data (the server's heartbeat). */
  get lastId(): string | null {
    return this.#id;
  }

  /** Events that are complete with this piece. */
  feed(piece: Uint8Array): ServerSentEvent[] {
    this.#rest += this.#decoder.decode(piece, { stream: true });
    // A line may end in CR LF; a CR at the end of a piece waits for what follows it.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop()!;
    const events: ServerSentEvent[] = [];
    for (const line of lines) {
      if (line === '') this.#dispatch(events);
      else this.#field(line);
    }
    return events;
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#type = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
  }

  #dispatch(events: ServerSentEvent[]): void {
    if (this.#data.length > 0) {
      events.push({ id: this.#id, type: this.#type === '' ? 'message' : this.#type, data: this.#data.join('\n') });
    }
    this.#data = [];
    this.#type = '';
  }
}
