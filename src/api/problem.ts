/** Errors at the HTTP edge: RFC 9457 problems. The only place that knows which HTTP status a refusal has. */
import type { ErrorRequestHandler, Response } from 'express';
import type { ErrorCode } from '../call/errors.ts';
import { Refusal } from '../call/errors.ts';

export type ProblemCode = ErrorCode | 'internal_error';

/**
 * The status of every code. 409: the request is understood and permitted, but the state of the call, the agent or the
 * supervisor does not allow it now; the same request may succeed later.
 */
export const STATUS: Readonly<Record<ProblemCode, number>> = {
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  invalid_request: 400,
  agent_supervised: 409,
  supervisor_busy: 409,
  own_call: 409,
  not_available: 409,
  call_not_monitorable: 409,
  choose_target: 409,
  whisper_to_customer: 409,
  paused: 409,
  agent_consulting: 409,
  barged: 409,
  no_phone: 409,
  not_assignable: 409,
  not_transferable: 409,
  supervision_open: 409,
  capacity_exceeded: 409,
  conflict: 409,
  media_unavailable: 503,
  too_many_requests: 429,
  internal_error: 500,
};

const TITLE: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** A refusal of the HTTP layer itself: a status that the code alone does not give, and headers that go with it. */
export class HttpProblem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, unknown>>;
  constructor(
    code: ProblemCode,
    detail: string,
    extra: {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly fields?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    super(detail);
    this.name = 'HttpProblem';
    this.code = code;
    this.status = extra.status ?? STATUS[code];
    this.headers = extra.headers ?? {};
    this.fields = extra.fields ?? {};
  }
}

export interface ProblemBody {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
}

/** The body of a problem. Members of `fields` never replace the standard ones. */
export function problemBody(
  code: ProblemCode,
  status: number,
  detail: string,
  fields: Readonly<Record<string, unknown>> = {},
): ProblemBody & Readonly<Record<string, unknown>> {
  return { ...fields, type: 'about:blank', title: TITLE[status] ?? 'Error', status, code, detail };
}

/** Turns anything thrown into the problem that the client is told; what it cannot explain is an internal error. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof Refusal) {
    const headers: Record<string, string> = {};
    if (error.code === 'unauthorized') headers['WWW-Authenticate'] = 'Bearer';
    const retryAfter = error.fields['retryAfter'];
    if (error.code === 'too_many_requests') {
      headers['Retry-After'] = String(typeof retryAfter === 'number' ? Math.max(1, Math.ceil(retryAfter)) : 1);
    }
    return new HttpProblem(error.code, error.message, { headers, fields: error.fields });
  }
  return parserProblem(error) ?? new HttpProblem('internal_error', 'Something went wrong in the server. It is logged.');
}

/** Errors of express and its body parser say by `type` and `status` what is wrong with the request. */
function parserProblem(error: unknown): HttpProblem | null {
  if (typeof error !== 'object' || error === null) return null;
  const type = 'type' in error ? error.type : undefined;
  switch (type) {
    case 'entity.too.large':
      return new HttpProblem('invalid_request', `The body is larger than ${BODY_LIMIT} bytes.`, { status: 413 });
    case 'entity.parse.failed':
      return new HttpProblem('invalid_request', 'The body is not valid JSON, or not an object.');
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return new HttpProblem('invalid_request', 'Send the body as plain JSON in UTF-8.', { status: 415 });
    default:
  }
  const status = 'status' in error && typeof error.status === 'number' ? error.status : 500;
  if (status < 400 || status >= 500) return null;
  return new HttpProblem('invalid_request', 'The request cannot be read.', { status: TITLE[status] ? status : 400 });
}

/** Largest accepted request body, bytes. */
export const BODY_LIMIT = 64 * 1024;

export function sendProblem(res: Response, problem: HttpProblem): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const { code, status, message, headers, fields } = problem;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  const text = JSON.stringify({ ...problemBody(code, status, message, fields) });
  // Not res.json(): it would add a charset, which application/problem+json does not define.
  res.status(status).setHeader('Content-Type', 'application/problem+json');
  res.end(text);
}

/** The last handler of the app. `log` hears of internal errors only; the client is not told what they were. */
export function problemHandler(log: (message: string) => void): ErrorRequestHandler {
  // Express knows a handler of errors by its four parameters.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  return (error: unknown, req, res, _next) => {
    const problem = toProblem(error);
    if (problem.code === 'internal_error') {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      log(`${req.method} ${req.path} failed: ${stack}`);
    }
    sendProblem(res, problem);
  };
}
