/**
 * The event stream (server-sent events). Invariants: an event is serialised once, however many clients see it; a client
 * that reads too slowly is disconnected and repairs itself by Last-Event-ID, rather than being buffered without bound.
 *
 * The controller counts its events from 1 at each start. What clients see is that number plus a base taken from the time
 * of the start: ids rise over restarts, and one from before a restart is known as such and leads to a reset.
 */
import type { Request, Response } from 'express';
import type { ControlEvent, ControlService } from '../control/service.ts';
import type { Auth, Identity } from './auth.ts';
import { beginStream, demandRoom } from './event-stream.ts';
import { HttpProblem } from './problem.ts';

/** Wait of a browser before it reconnects, ms. */
const RETRY_MS = 2000;
/** A comment this often keeps proxies from closing the stream, and shows us that the client is gone. */
const HEARTBEAT_MS = 15_000;
/** Live events that may wait for one client, bytes. What it missed while it was away is not counted. */
const MAX_BEHIND = 1024 * 1024;

export interface EventStreams {
  /** Answers a request with the stream. `lastId`: the last event that the client has seen. */
  open(req: Request, res: Response, identity: Identity, lastId: number | null): void;
  /** Streams open now. */
  readonly size: number;
  /** Ends those of a session that is over. */
  endSession(sessionKey: string): void;
  close(): void;
}

interface Client {
  readonly res: Response;
  readonly identity: Identity;
  unsubscribe: () => void;
  pending: Buffer[];
  /** Bytes of live events that have not been handed to the socket. */
  behind: number;
  /** Bytes of the replay, which are allowed on top. */
  allowance: number;
  scheduled: boolean;
  /** The socket has taken as much as it can; wait for `drain`. */
  blocked: boolean;
}

export interface EventOptions {
  readonly control: ControlService;
  readonly auth: Auth;
  readonly maxClients: number;
  /** Time of the start, ms since the epoch. */
  readonly startedAt: number;
  /** For tests. */
  readonly heartbeatMs?: number;
}

export function createEventStreams(options: EventOptions): EventStreams {
  const { control, auth, maxClients } = options;
  const base = options.startedAt * 1000;
  const clients = new Set<Client>();
  const frames = new WeakMap<ControlEvent, Buffer>();
  const heartbeat = setInterval(beat, options.heartbeatMs ?? HEARTBEAT_MS);
  heartbeat.unref();

  function frameOf(event: ControlEvent): Buffer {
    const known = frames.get(event);
    if (known !== undefined) return known;
    const id = base + event.id;
    const frame = Buffer.from(`id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify({ ...event, id })}\n\n`);
    frames.set(event, frame);
    return frame;
  }

  function drop(client: Client): void {
    if (!clients.delete(client)) return;
    client.unsubscribe();
    client.pending = [];
  }

  /** Events of one turn of the event loop go to the socket together. */
  function schedule(client: Client): void {
    if (client.scheduled || client.blocked) return;
    client.scheduled = true;
    setImmediate(() => {
      client.scheduled = false;
      flush(client);
    });
  }

  function flush(client: Client): void {
    if (!clients.has(client) || client.blocked || client.pending.length === 0) return;
    const chunk = client.pending.length === 1 ? client.pending[0]! : Buffer.concat(client.pending);
    client.pending = [];
    client.behind = 0;
    client.allowance = 0;
    client.blocked = !client.res.write(chunk);
  }

  function push(client: Client, frame: Buffer): void {
    if (!clients.has(client)) return;
    client.pending.push(frame);
    client.behind += frame.length;
    if (client.blocked && client.behind > MAX_BEHIND + client.allowance) {
      drop(client);
      client.res.destroy();
      return;
    }
    schedule(client);
  }

  /**
   * The heartbeat carries the newest id, although its event may have been none of the client's: who then reconnects is
   * not replayed, or reset for, what it could not see anyway.
   */
  function beat(): void {
    const frame = Buffer.from(`: heartbeat\nid: ${base + control.lastEventId()}\n\n`);
    for (const client of clients) {
      if (auth.stillValid(client.identity)) {
        if (client.pending.length === 0 && !client.blocked) push(client, frame);
      } else end(client);
    }
  }

  function end(client: Client): void {
    drop(client);
    client.res.end();
  }

  return {
    get size() {
      return clients.size;
    },

    open(req, res, identity, lastId) {
      demandRoom(clients.size, maxClients, 'events');
      if (!beginStream(req, res)) return;
      const client: Client = {
        res,
        identity,
        unsubscribe: () => undefined,
        pending: [],
        behind: 0,
        allowance: 0,
        scheduled: false,
        blocked: false,
      };
      clients.add(client);
      res.on('close', () => {
        drop(client);
      });
      res.on('error', () => {
        drop(client);
      });
      res.on('drain', () => {
        client.blocked = false;
        flush(client);
      });
      // A new client has seen everything up to now: it gets the id that makes its first reconnect miss nothing.
      const seen = lastId === null ? `id: ${base + control.lastEventId()}\n` : '';
      push(client, Buffer.from(`retry: ${RETRY_MS}\n${seen}\n`));
      client.unsubscribe = control.subscribe(
        { userId: identity.user.id },
        lastId === null ? null : lastId - base,
        (event) => {
          push(client, frameOf(event));
        },
      );
      // Replay was delivered while subscribing. Headers go out at once, events or not.
      client.allowance = client.behind;
      flush(client);
    },

    endSession(sessionKey) {
      for (const client of clients) if (client.identity.session?.key === sessionKey) end(client);
    },

    close() {
      clearInterval(heartbeat);
      for (const client of clients) end(client);
    },
  };
}

/** `Last-Event-ID` of a browser that reconnects, or `?lastEventId=` of one that begins where another left off. */
export function lastEventId(req: Request, query: number | undefined): number | null {
  const header = req.headers['last-event-id'];
  if (typeof header === 'string' && header !== '') {
    if (/^\d{1,16}$/.test(header)) return Number(header);
    throw new HttpProblem('invalid_request', 'Last-Event-ID is not the id of an event.');
  }
  return query ?? null;
}
