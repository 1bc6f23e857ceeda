/** SIP statuses: what may be sent, and the one answer that a fork comes to (RFC 3261 section 16.7 step 6). Pure. */
import { STATUS_CODES } from './status-codes.ts';

export interface Failure {
  readonly status: number;
  readonly reason: string;
}

/** A final failure that can be sent: known codes from 300 up, 500 for anything else. */
export function sendable(status: number, reason: string): Failure {
  if (status >= 300 && status in STATUS_CODES) return { status, reason: cleanReason(reason, status) };
  return { status: 500, reason: STATUS_CODES[500] };
}

function cleanReason(reason: string, status: number): string {
  const clean = reason
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, 100);
  return clean === '' ? (STATUS_CODES[status] ?? 'Failure') : clean;
}

/** Within 4xx: what tells most about the person called, before what tells about one of the phones. */
const TELLING = [486, 480, 408];

function rank(status: number): number {
  if (status >= 600) return 0;
  const telling = TELLING.indexOf(status);
  const inClass = telling < 0 ? TELLING.length : telling;
  return Math.floor(status / 100) * 10 + inClass;
}

/** The best of the branches' failures: a 6xx, else the lowest class. 480 where there was no branch at all. */
export function bestFailure(failures: readonly Failure[]): Failure {
  const [first, ...rest] = failures;
  if (first === undefined) return { status: 480, reason: STATUS_CODES[480] };
  return rest.reduce((best, next) => (rank(next.status) < rank(best.status) ? next : best), first);
}
