/**
 * Streams of levels: server-sent events without ids, as nothing of them is worth repeating. A client that reads too slowly
 * misses some, rather than being buffered.
 */
import type { Request, Response } from 'express';
import type { ControlService } from '../control/service.ts';
import type { Auth, Identity } from './auth.ts';
import { beginStream, demandRoom } from './event-stream.ts';

export interface LevelStreams {
  /** Answers a request with the levels of a call. Throws as `watchLevels`, and `too_many_requests`. */
  open(req: Request, res: Response, identity: Identity, callId: string): void;
  readonly size: number;
  /** Ends those of a session that is over. */
  endSession(sessionKey: string): void;
  close(): void;
}

export interface LevelOptions {
  readonly control: ControlService;
  readonly auth: Auth;
  readonly maxClients: number;
}

/** Bytes that may wait in a socket before levels are left out. */
const MAX_BEHIND = 16 * 1024;
const BEAT_MS = 15_000;

interface Client {
  readonly res: Response;
  readonly identity: Identity;
  stop: () => void;
}

export function createLevelStreams({ control, auth, maxClients }: LevelOptions): LevelStreams {
  const clients = new Set<Client>();
  const beat = setInterval(() => {
    for (const client of clients) {
      if (!auth.stillValid(client.identity)) end(client);
      else client.res.write(': heartbeat\n\n');
    }
  }, BEAT_MS);
  beat.unref();

  function drop(client: Client): void {
    if (clients.delete(client)) client.stop();
  }

  function end(client: Client): void {
    drop(client);
    client.res.end();
  }

  return {
    get size() {
      return clients.size;
    },

    open(req, res, identity, callId) {
      demandRoom(clients.size, maxClients, 'levels');
      const client: Client = { res, identity, stop: () => undefined };
      client.stop = control.watchLevels({ userId: identity.user.id }, callId, {
        onLevels(levels) {
          if (res.writableLength < MAX_BEHIND) res.write(`event: levels\ndata: ${JSON.stringify(levels)}\n\n`);
        },
        onEnd() {
          end(client);
        },
      });
      clients.add(client);
      res.on('close', () => {
        drop(client);
      });
      if (beginStream(req, res)) res.write('retry: 2000\n\n');
    },

    endSession(sessionKey) {
      for (const client of clients) if (client.identity.session?.key === sessionKey) end(client);
    },

    close() {
      clearInterval(beat);
      for (const client of clients) end(client);
    },
  };
}
