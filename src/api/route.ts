/**
 * One operation of the API as data: validation, handler and documentation together, so that what is served and what
 * openapi.json says cannot differ.
 */
import type { Request, Response, RequestHandler, IRouter } from 'express';
import type { z } from 'zod';
import type { ErrorCode } from '../call/errors.ts';
import type { Actor } from '../control/service.ts';
import type { Identity } from './auth.ts';
import { BODY_LIMIT, HttpProblem } from './problem.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** What a handler is given. `params`, `query` and `body` have been validated. */
export interface Context<Params, Query, Body> {
  readonly identity: Identity;
  readonly actor: Actor;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly req: Request;
  readonly res: Response;
}

export interface RouteSpec<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> {
  readonly method: Method;
  /** Below /api/v1, in the style of OpenAPI: `/calls/{id}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Strings from the path; every one that the path names. */
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** Status of success. */
  readonly status: 200 | 201 | 202 | 204;
  /** What is answered; null: no body, or one that the handler sends itself. */
  readonly answer: z.ZodType | null;
  /** Media type of an answer that the handler sends itself. */
  readonly mediaType?: string;
  /** Codes that this operation refuses with, besides those that every one has. */
  readonly codes?: readonly ErrorCode[];
  /** `none`: no credentials are wanted. */
  readonly auth?: 'none';
  /** Answers with a value, or undefined where the response has been sent (or begun) already. */
  handle(context: Context<z.infer<Params>, z.infer<Query>, z.infer<Body>>): unknown;
}

/** A route with its types erased, as the app and the OpenAPI document use it. */
export type Route = Omit<RouteSpec, 'handle'> & { handle(context: Context<never, never, never>): unknown };

/** Checks the types of one route. */
export function route<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType>(
  spec: RouteSpec<Params, Query, Body>,
): Route {
  return spec;
}

/** The identity of a request that has passed authentication and the rate limit; throws an HttpProblem. */
export type Guard = (req: Request) => Identity;

export interface MountOptions {
  readonly guard: Guard;
  readonly parseBody: RequestHandler;
  /** Resolves once everything that has happened is on disk: a change is answered when it cannot be lost any more. */
  readonly settled: () => Promise<void>;
}

/** Adds the routes to a router; a known path with another method is answered 405. */
export function mount(router: IRouter, routes: readonly Route[], options: MountOptions): void {
  const { guard, parseBody, settled } = options;
  const methods = new Map<string, Method[]>();
  for (const spec of routes) {
    const path = spec.path.replaceAll(/\{(\w+)\}/g, ':$1');
    methods.set(path, [...(methods.get(path) ?? []), spec.method]);
    const authenticate: RequestHandler = (req, res, next) => {
      res.locals['route'] = spec.path;
      if (spec.auth !== 'none') res.locals['identity'] = guard(req);
      next();
    };
    // Credentials come first: a stranger's body is not even read.
    router[spec.method](path, authenticate, assertJson, parseBody, handlerOf(spec, settled));
  }
  for (const [path, known] of methods) {
    const allow = [...known, ...(known.includes('get') ? ['head'] : [])].join(', ').toUpperCase();
    router.all(path, (req) => {
      throw new HttpProblem('invalid_request', `${req.method} is not possible here.`, {
        status: 405,
        headers: { Allow: allow },
      });
    });
  }
}

function handlerOf(spec: Route, settled: () => Promise<void>): RequestHandler {
  return async (req, res) => {
    const identity = res.locals['identity'] as Identity | undefined;
    const context = {
      identity: identity as never,
      actor: { userId: identity?.user.id ?? '' },
      params: check(spec.params, req.params, 'path') as never,
      query: check(spec.query, req.query, 'query') as never,
      body: check(spec.body, req.body, 'body') as never,
      req,
      res,
    };
    const answer = await spec.handle(context);
    if (spec.method !== 'get') await settled();
    if (res.headersSent || res.writableEnded) return;
    res.status(spec.status);
    if (spec.status === 204) res.end();
    else res.type('application/json').end(JSON.stringify(answer));
  };
}

/** Validates one part of a request; every fault is named with its path. */
function check(schema: z.ZodType | undefined, value: unknown, where: 'path' | 'query' | 'body'): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map((issue) => ({
    in: where,
    path: issue.path.map(String).join('.'),
    message: issue.message,
  }));
  const first = errors[0];
  const detail = first === undefined ? '' : `${first.path === '' ? where : first.path}: ${first.message}`;
  throw new HttpProblem('invalid_request', `The request is not valid. ${detail}`, { fields: { errors } });
}

/** A body is JSON or there is none; a form that another site makes a browser send is neither. */
const assertJson: RequestHandler = (req, _res, next) => {
  const length = Number(req.headers['content-length'] ?? 0);
  const hasBody = req.headers['transfer-encoding'] !== undefined || length > 0;
  if (hasBody && !/^application\/(?:[\w.-]+\+)?json *(;|$)/i.test(req.headers['content-type'] ?? '')) {
    throw new HttpProblem('invalid_request', 'Send the body as application/json.', { status: 415 });
  }
  if (length > BODY_LIMIT) {
    throw new HttpProblem('invalid_request', `The body is larger than ${BODY_LIMIT} bytes.`, { status: 413 });
  }
  next();
};
