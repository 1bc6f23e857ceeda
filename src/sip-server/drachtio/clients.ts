/** The applications that are connected, and who gets the next request of a kind. */
import { encodeFrame } from './framing.ts';
import { replyHead } from './wire.ts';

/** A client that reads this slowly is dead: its calls cannot be served. */
const MAX_UNSENT = 64 * 1024 * 1024;

/** What is needed of a client's socket. */
export interface FrameSink {
  write(octets: Buffer): unknown;
  readonly writableLength: number;
  destroy(error?: Error): unknown;
}

/** What a client owns ends with it. */
export interface Owned {
  clientGone(): void;
}

export class ControlClient {
  readonly id: number;
  readonly tags: readonly string[];
  readonly #socket: FrameSink;
  readonly #owned = new Set<Owned>();
  readonly #unsent: Buffer[] = [];
  #closed = false;

  constructor(id: number, socket: FrameSink, tags: readonly string[]) {
    this.id = id;
    this.#socket = socket;
    this.tags = tags;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Frames reach the client in the order of these calls; what one turn of the loop yields goes in one write. */
  send(head: string, message?: Buffer): void {
    if (this.#closed) return;
    this.#unsent.push(encodeFrame(head, message));
    if (this.#unsent.length === 1) setImmediate(() => this.flush());
  }

  /** Writes what is still held back. */
  flush(): void {
    const frames = this.#unsent.splice(0);
    if (this.#closed || frames.length === 0) return;
    this.#socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
    if (this.#socket.writableLength > MAX_UNSENT) this.#socket.destroy(new Error('client does not read'));
  }

  reply(to: string, text: string): void {
    this.send(replyHead(to, text));
  }

  own(thing: Owned): void {
    this.#owned.add(thing);
  }

  disown(thing: Owned): void {
    this.#owned.delete(thing);
  }

  /** Called once, when the connection is gone. What fails to end does not keep the rest from ending. */
  close(onFault: (error: unknown) => void = () => undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const thing of [...this.#owned]) {
      try {
        thing.clientGone();
      } catch (error) {
        onFault(error);
      }
    }
    this.#owned.clear();
  }
}

/** Round robin per verb (`invite`, `cdr:start`, in lower case), in the order in which clients asked. */
export class Router {
  readonly #verbs = new Map<string, { clients: ControlClient[]; next: number }>();

  add(verb: string, client: ControlClient): void {
    let entry = this.#verbs.get(verb);
    if (entry === undefined) this.#verbs.set(verb, (entry = { clients: [], next: 0 }));
    if (!entry.clients.includes(client)) entry.clients.push(client);
  }

  remove(verb: string, client: ControlClient): void {
    const entry = this.#verbs.get(verb);
    const at = entry?.clients.indexOf(client) ?? -1;
    if (entry === undefined || at < 0) return;
    entry.clients.splice(at, 1);
    if (at < entry.next) entry.next -= 1;
    if (entry.clients.length === 0) this.#verbs.delete(verb);
  }

  removeClient(client: ControlClient): void {
    for (const verb of [...this.#verbs.keys()]) this.remove(verb, client);
  }

  /** Who serves the next request of this kind. */
  choose(verb: string): ControlClient | undefined {
    const entry = this.#verbs.get(verb);
    if (entry === undefined) return undefined;
    const client = entry.clients[entry.next % entry.clients.length];
    entry.next = (entry.next + 1) % entry.clients.length;
    return client;
  }

  all(verb: string): readonly ControlClient[] {
    return this.#verbs.get(verb)?.clients ?? [];
  }
}
