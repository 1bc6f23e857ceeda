/**
 * Who is asking: a bearer token, or the cookie of a session. The Authorization header decides where there is one; a
 * wrong token never falls back to a cookie. Requests that a cookie makes must come from our own pages.
 */
import type { Request, Response } from 'express';
import type { UserConfig } from '../config/schema.ts';
import type { Credentials } from './credentials.ts';
import { addressKey, type RateLimiter } from './limits.ts';
import { HttpProblem } from './problem.ts';
import type { Session, Sessions } from './sessions.ts';

export interface Identity {
  readonly user: UserConfig;
  /** null: by token. */
  readonly session: Session | null;
}

export const COOKIE = 'earshot_session';

export interface AuthOptions {
  readonly credentials: Credentials;
  readonly sessions: Sessions;
  /** Wrong passwords and tokens, by address and by user name. */
  readonly failures: RateLimiter;
  readonly publicUrl: string | undefined;
  readonly now: () => number;
}

export interface Auth {
  /** Throws 401 where nobody is proven, 429 after too many failures, 403 where another site makes the request. */
  identify(req: Request): Identity;
  /** Signs in: sets the cookie. Throws as `identify`. */
  signIn(req: Request, res: Response, username: string, password: string): Identity;
  /** Ends the session, if the identity has one, and clears the cookie. */
  signOut(res: Response, identity: Identity): void;
  /** False once the session behind an open event stream is over. */
  stillValid(identity: Identity): boolean;
}

export function createAuth(options: AuthOptions): Auth {
  const { credentials, sessions, failures, publicUrl, now } = options;
  const cookieAttributes = `Path=/; HttpOnly; SameSite=Strict${publicUrl?.startsWith('https:') === true ? '; Secure' : ''}`;

  const fail = (detail: string, ...keys: readonly string[]): HttpProblem => {
    const waits = keys.map((key) => failures.take(key, now()));
    return tooMany(Math.max(...waits)) ?? unauthorized(detail);
  };

  return {
    identify(req) {
      const header = req.headers.authorization;
      if (header !== undefined) {
        const token = /^Bearer +([^\s]+) *$/i.exec(header)?.[1] ?? '';
        const user = credentials.byToken(token);
        if (user === null) throw fail('The token is not known.', `address ${addressKey(req.ip)}`);
        return { user, session: null };
      }
      const id = cookieOf(req, COOKIE);
      if (id === null) throw unauthorized('Send a bearer token, or sign in (POST /api/v1/session).');
      const session = sessions.use(id, now());
      const user = session === null ? null : credentials.user(session.userId);
      if (user === null) throw unauthorized('The session is over. Sign in again.');
      assertOwnPage(req, publicUrl);
      return { user, session };
    },

    signIn(req, res, username, password) {
      assertOwnPage(req, publicUrl);
      const keys = [`address ${addressKey(req.ip)}`, `user ${username}`];
      const problem = tooMany(Math.max(...keys.map((key) => failures.wait(key, now()))));
      if (problem !== null) throw problem;
      const user = credentials.byPassword(username, password);
      if (user === null) throw fail('The user name or the password is wrong.', ...keys);
      // A new id at each signing in: a session that someone planted beforehand is worth nothing.
      const { id, session } = sessions.create(user.id, now());
      res.setHeader('Set-Cookie', `${COOKIE}=${id}; ${cookieAttributes}`);
      return { user, session };
    },

    signOut(res, identity) {
      if (identity.session !== null) sessions.end(identity.session);
      res.setHeader('Set-Cookie', `${COOKIE}=; ${cookieAttributes}; Max-Age=0`);
    },

    stillValid: ({ session }) => session === null || sessions.keep(session, now()),
  };
}

export function tooMany(waitSeconds: number): HttpProblem | null {
  if (waitSeconds <= 0) return null;
  const seconds = Math.max(1, Math.ceil(waitSeconds));
  return new HttpProblem('too_many_requests', `Too many requests. Try again in ${seconds} s.`, {
    headers: { 'Retry-After': String(seconds) },
    fields: { retryAfter: seconds },
  });
}

function unauthorized(detail: string): HttpProblem {
  return new HttpProblem('unauthorized', detail, { headers: { 'WWW-Authenticate': 'Bearer' } });
}

/**
 * Cross-site request forgery: a request that changes something and comes by cookie must come from our own origin.
 * Browsers tell by Sec-Fetch-Site and Origin; a program that sends neither cannot be made to send our cookie.
 */
function assertOwnPage(req: Request, publicUrl: string | undefined): void {
  if (req.method === 'GET' || req.method === 'HEAD') return;
  const site = req.headers['sec-fetch-site'];
  const origin = req.headers.origin;
  const foreignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  const own = [`${req.protocol}://${req.headers.host ?? ''}`, publicUrl];
  const foreignOrigin = origin !== undefined && !own.includes(origin);
  if (foreignSite || foreignOrigin) {
    throw new HttpProblem('forbidden', 'This request comes from another site.', { fields: { reason: 'cross_site' } });
  }
}

function cookieOf(req: Request, name: string): string | null {
  for (const part of (req.headers.cookie ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return null;
}
