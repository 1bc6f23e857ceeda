/** A response of server-sent events (WHATWG HTML, section 9.2), whatever it tells. */
import type { Request, Response } from 'express';
import { HttpProblem } from './problem.ts';

/** @throws HttpProblem `too_many_requests` where there are `most` streams already; `what` names them */
export function demandRoom(streams: number, most: number, what: string): void {
  if (streams < most) return;
  throw new HttpProblem('too_many_requests', `Too many streams of ${what} are open.`, {
    headers: { 'Retry-After': '10' },
  });
}

/** Sends the head, unbuffered and without a time limit. False: nothing but the head was asked for, and it is ended. */
export function beginStream(req: Request, res: Response): boolean {
  res.status(200);
  res.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
  res.setHeader('X-Accel-Buffering', 'no');
  if (req.method === 'HEAD') {
    res.end();
    return false;
  }
  req.socket.setNoDelay(true);
  req.socket.setTimeout(0);
  return true;
}
