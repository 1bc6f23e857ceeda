/** Session timers (RFC 4028), pure: who refreshes, how often, and when the peer is given up. Seconds, unless named ms. */
import { parseDeltaSeconds } from '../message/fields.ts';
import { hasToken, header } from '../message/headers.ts';
import { param, parseParams } from '../message/scan.ts';
import type { SipMessage, SipRequest, SipResponse } from '../message/types.ts';
import { SipParseError } from '../message/errors.ts';

/** The shortest interval we take (section 5). */
export const MIN_SE = 90;

export interface SessionExpires {
  readonly interval: number;
  readonly refresher: 'uac' | 'uas' | undefined;
}

export interface SessionTimer {
  readonly interval: number;
  readonly weRefresh: boolean;
}

/** Undefined if the header is absent or cannot be read. */
export function sessionExpires(message: SipMessage): SessionExpires | undefined {
  const value = header(message, 'session-expires');
  const interval = value === undefined ? undefined : parseDeltaSeconds(value);
  if (value === undefined || interval === undefined || interval === 0) return undefined;
  return { interval, refresher: refresherIn(value) };
}

function refresherIn(value: string): 'uac' | 'uas' | undefined {
  const semicolon = value.indexOf(';');
  if (semicolon < 0) return undefined;
  try {
    const refresher = param(parseParams(value, semicolon), 'refresher')?.toLowerCase();
    return refresher === 'uac' || refresher === 'uas' ? refresher : undefined;
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}

/** Section 9: whether the request asks for less than we take, and knows what a 422 is. */
export function tooBrief(request: SipRequest): boolean {
  const offered = sessionExpires(request);
  return offered !== undefined && offered.interval < MIN_SE && hasToken(request, 'supported', 'timer');
}

/**
 * As the one who answers `request` with a 2xx: the timer, and the Session-Expires to add if the application has not
 * written one itself. Undefined: no timer.
 */
export function timerAsUas(
  request: SipRequest,
  response: SipResponse,
): { readonly timer: SessionTimer; readonly add: string | undefined; readonly require: boolean } | undefined {
  const own = sessionExpires(response);
  if (own) {
    const timer = { interval: own.interval, weRefresh: own.refresher === 'uas' };
    return { timer, add: undefined, require: false };
  }
  const offered = sessionExpires(request);
  if (offered === undefined) return undefined;
  const knows = hasToken(request, 'supported', 'timer');
  const refresher = knows ? (offered.refresher ?? 'uac') : 'uas';
  const interval = Math.max(MIN_SE, offered.interval);
  const timer = { interval, weRefresh: refresher === 'uas' };
  return { timer, add: `${interval};refresher=${refresher}`, require: refresher === 'uac' };
}

/** As the one whose INVITE or UPDATE got this 2xx. */
export function timerAsUac(response: SipResponse): SessionTimer | undefined {
  const agreed = sessionExpires(response);
  return agreed && { interval: Math.max(MIN_SE, agreed.interval), weRefresh: agreed.refresher !== 'uas' };
}

/** When we refresh: half the interval. When we give the peer up: a third of it or 32 s before the end (section 10). */
export function timerMsOf(timer: SessionTimer): number {
  if (timer.weRefresh) return timer.interval * 500;
  return (timer.interval - Math.min(32, timer.interval / 3)) * 1000;
}
