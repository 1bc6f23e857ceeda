/** The HTTP side of Earshot. Everything it may do to calls goes through the ControlService. */
import { createServer, type Server } from 'node:http';
import type { Socket, AddressInfo } from 'node:net';
import type { Request, RequestHandler } from 'express';
import type { Config } from '../config/schema.ts';
import type { Archive } from '../control/archive.ts';
import type { ControlService } from '../control/service.ts';
import { createApp, type Health } from './app.ts';
import { createAuth } from './auth.ts';
import { createCredentials } from './credentials.ts';
import { createEventStreams } from './events.ts';
import { createLevelStreams } from './levels.ts';
import { RateLimiter } from './limits.ts';
import { createMetrics, type MetricSource } from './metrics.ts';
import { openApiOf } from './openapi.ts';
import { problemBody } from './problem.ts';
import { archiveRoutes } from './routes/archive.ts';
import { callRoutes } from './routes/calls.ts';
import { interventionRoutes } from './routes/interventions.ts';
import { peopleRoutes } from './routes/people.ts';
import type { Services } from './routes/services.ts';
import { sessionRoutes } from './routes/session.ts';
import { softphoneRoutes } from './routes/softphone.ts';
import { streamRoutes } from './routes/stream.ts';
import { supervisionRoutes } from './routes/supervisions.ts';
import { Sessions } from './sessions.ts';
import { Softphone } from './softphone.ts';

export type { Health } from './app.ts';
export type { LabelledValue, MetricSource } from './metrics.ts';

export interface ApiOptions {
  readonly control: ControlService;
  readonly config: Config;
  readonly webrtc: { readonly available: boolean; readonly reason?: string };
  readonly version: string;
  readonly health: () => Health;
  /** Figures of the other parts, for /metrics. */
  readonly metrics?: readonly MetricSource[];
  /** What is kept of calls that are over. Absent: nothing is, and /history and /audit are not served. */
  readonly archive?: Archive;
  /** Where the SIP server listens; default: what the configuration says. */
  readonly sipListen?: readonly string[];
  /** Makes the console, which is told where softphones connect. Absent: `/` leads to /docs. */
  readonly web?: (options: { readonly webSocketUrl: (req: Request) => string | null }) => RequestHandler;
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void;
  readonly now?: () => number;
  /** ms between heartbeats of an event stream. */
  readonly heartbeatMs?: number;
}

export interface Listening {
  readonly host: string;
  readonly port: number;
  /** `http://HOST:PORT`, where a browser on this machine finds it. */
  readonly url: string;
}

export interface Api {
  /** Binds the address of the configuration. Rejects with the error of the socket (EADDRINUSE ...). */
  listen(): Promise<Listening>;
  /** Ends event streams, lets running requests finish for a moment, closes. Idempotent. */
  close(): Promise<void>;
}

/** Time that running requests have to finish when the server closes, ms. */
const CLOSE_MS = 2000;

export function createApi(options: ApiOptions): Api {
  const { config, control, log } = options;
  const now = options.now ?? Date.now;
  const { limits, publicUrl } = config.api;

  const sessions = new Sessions(config.api.sessionIdleMinutes * 60_000);
  const auth = createAuth({
    credentials: createCredentials(config),
    sessions,
    failures: new RateLimiter({ perSecond: limits.failuresPerMinute / 60, burst: limits.failureBurst }),
    publicUrl,
    now,
  });
  const events = createEventStreams({
    control,
    auth,
    maxClients: limits.eventClients,
    startedAt: now(),
    ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
  });
  const archive = options.archive ?? null;
  const levels = createLevelStreams({ control, auth, maxClients: limits.eventClients });
  const services: Services = { control, config, webrtc: options.webrtc, archive, auth, events, levels };
  const softphone = new Softphone({
    config,
    webrtc: options.webrtc,
    listen: options.sipListen ?? config.sip.listen,
  });
  const routes = [
    ...sessionRoutes(services),
    ...softphoneRoutes(softphone, now),
    ...callRoutes(services),
    ...supervisionRoutes(services),
    ...interventionRoutes(services),
    ...peopleRoutes(services),
    ...streamRoutes(services),
    ...archiveRoutes(services),
  ];
  const app = createApp({
    routes,
    openApi: openApiOf(routes, options.version),
    auth,
    metrics: createMetrics({
      control,
      eventClients: () => events.size,
      sessions: () => sessions.size,
      sources: options.metrics ?? [],
      log: (message) => {
        log('warn', message);
      },
    }),
    health: options.health,
    users: new RateLimiter({ perSecond: limits.requestsPerSecond, burst: limits.requestBurst }),
    strangers: new RateLimiter({ perSecond: limits.anonymousPerSecond, burst: limits.anonymousBurst }),
    publicUrl,
    settled: () => archive?.durable() ?? Promise.resolve(),
    web: options.web?.({ webSocketUrl: (req) => softphone.webSocketUrl(req) }),
    now,
    logError: (message) => {
      log('error', message);
    },
  });

  const server = createServer(
    {
      maxHeaderSize: 16 * 1024,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 5000,
    },
    (req, res) => {
      app(req, res);
    },
  );
  server.on('clientError', refuseGarbage);

  let closing: Promise<void> | null = null;
  return {
    listen: () => listen(server, config.api.listen),
    close() {
      closing ??= close(server, () => {
        events.close();
        levels.close();
      });
      return closing;
    },
  };
}

async function listen(server: Server, address: string): Promise<Listening> {
  const split = address.lastIndexOf(':');
  const host = address.slice(0, split).replace(/^\[(.*)\]$/, '$1');
  const port = Number(address.slice(split + 1));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = (server.address() as AddressInfo).port;
  const anywhere = host === '0.0.0.0' || host === '::';
  const name = anywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return { host, port: bound, url: `http://${name}:${bound}` };
}

async function close(server: Server, endStreams: () => void): Promise<void> {
  endStreams();
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  server.closeIdleConnections();
  const force = setTimeout(() => {
    server.closeAllConnections();
  }, CLOSE_MS);
  await closed;
  clearTimeout(force);
}

/** What is not HTTP gets a problem and the connection is closed. */
function refuseGarbage(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const body = problemBody('invalid_request', status, 'The request is not valid HTTP, too large or too slow.');
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} ${body.title}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  );
}
