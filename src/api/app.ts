/** The express app: security headers, health, metrics, documentation, the API under /api/v1, the console at /. */
import express, { type Express, type RequestHandler, type Response } from 'express';
import type { Auth, Identity } from './auth.ts';
import { tooMany } from './auth.ts';
import { DOCS_CSP, DOCS_STYLE, docsPage } from './docs.ts';
import { addressKey, type RateLimiter } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { OpenApi } from './openapi.ts';
import { BODY_LIMIT, HttpProblem, problemHandler } from './problem.ts';
import { mount, type Guard, type Route } from './route.ts';

export interface Health {
  /** Whether phones can register and calls are taken. */
  readonly ready: boolean;
  /** What is up and what is not, by name: `sip: ok`, `webrtc: off: no worker`. */
  readonly parts: Readonly<Record<string, string>>;
}

export interface AppOptions {
  readonly routes: readonly Route[];
  readonly openApi: OpenApi;
  readonly auth: Auth;
  readonly metrics: Metrics;
  readonly health: () => Health;
  /** Requests of one signed-in user; of one address without credentials. */
  readonly users: RateLimiter;
  readonly strangers: RateLimiter;
  readonly publicUrl: string | undefined;
  /** Resolves once everything that has happened is on disk. */
  readonly settled: () => Promise<void>;
  /** The console; it sets its own Content-Security-Policy. */
  readonly web: RequestHandler | undefined;
  readonly now: () => number;
  readonly logError: (message: string) => void;
}

const API_CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function createApp(options: AppOptions): Express {
  const { auth, users, strangers, metrics, now, publicUrl } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  // Behind a reverse proxy on this machine the address of the client is the one that the proxy tells.
  if (publicUrl !== undefined) app.set('trust proxy', 'loopback');

  app.use(securityHeaders(publicUrl));
  app.use(measure(metrics, now));
  app.use(health(options.health));

  const limitStranger: RequestHandler = (req, _res, next) => {
    const problem = tooMany(strangers.take(addressKey(req.ip), now()));
    if (problem !== null) throw problem;
    next();
  };
  const guard: Guard = (req) => {
    let identity: Identity;
    try {
      identity = auth.identify(req);
    } catch (error) {
      throw tooMany(strangers.take(addressKey(req.ip), now())) ?? error;
    }
    const problem = tooMany(users.take(identity.user.id, now()));
    if (problem !== null) throw problem;
    return identity;
  };

  app.get('/metrics', limitStranger, async (_req, res) => {
    const text = await metrics.text();
    res.setHeader('Content-Type', metrics.contentType);
    res.end(text);
  });

  const page = docsPage(options.openApi);
  app.get('/docs', limitStranger, (_req, res) => {
    res.setHeader('Content-Security-Policy', DOCS_CSP);
    res.type('html').end(page);
  });
  app.get('/docs/style.css', limitStranger, (_req, res) => {
    res.type('css').end(DOCS_STYLE);
  });

  const api = express.Router({ caseSensitive: true });
  const openApiText = JSON.stringify(options.openApi);
  api.get('/openapi.json', limitStranger, (_req, res) => {
    res.type('application/json').end(openApiText);
  });
  const open = options.routes.filter((route) => route.auth === 'none');
  for (const route of open) api[route.method](pathOf(route), limitStranger);
  const parseBody = express.json({ limit: BODY_LIMIT, inflate: false, strict: true, type: () => true });
  mount(api, options.routes, { guard, parseBody, settled: options.settled });
  api.use(limitStranger, () => {
    throw new HttpProblem('not_found', 'There is nothing at this address. See /docs.');
  });
  app.use('/api/v1', api);

  if (options.web !== undefined) app.use(options.web);
  else {
    app.get('/', limitStranger, (_req, res) => {
      res.redirect(302, '/docs');
    });
  }
  app.use(limitStranger, () => {
    throw new HttpProblem('not_found', 'There is nothing at this address. See /docs.');
  });
  app.use(problemHandler(options.logError));
  return app;
}

function pathOf(route: Route): string {
  return route.path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function securityHeaders(publicUrl: string | undefined): RequestHandler {
  return (_req, res, next) => {
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('Content-Security-Policy', API_CSP);
    res.setHeader('X-Content-Type-Options', 'nosniff');
    res.setHeader('Referrer-Policy', 'no-referrer');
    res.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
    res.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    if (publicUrl?.startsWith('https:') === true) {
      res.setHeader('Strict-Transport-Security', 'max-age=31536000');
    }
    next();
  };
}

/** Liveness: the process answers. Readiness: phones can register. */
function health(read: () => Health): RequestHandler {
  const send = (res: Response, status: number, body: unknown): void => {
    res.status(status).type('application/json').end(JSON.stringify(body));
  };
  return (req, res, next) => {
    const asked = req.method === 'GET' || req.method === 'HEAD' ? req.path : null;
    if (asked === '/health/live') send(res, 200, { status: 'live' });
    else if (asked === '/health/ready') {
      const { ready, parts } = read();
      send(res, ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', parts });
    } else next();
  };
}

function measure(metrics: Metrics, now: () => number): RequestHandler {
  return (req, res, next) => {
    const begun = now();
    res.on('finish', () => {
      const route = res.locals['route'] as string | undefined;
      if (route === '/events' || route === '/calls/{id}/levels') return;
      metrics.observe(req.method, route ?? 'other', res.statusCode, Math.max(0, now() - begun) / 1000);
    });
    next();
  };
}
