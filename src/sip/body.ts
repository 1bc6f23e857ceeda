/** Bodies: the session description of a message, keys sent by INFO, fragments for NOTIFY. Pure. */
import type { SipMessage } from './srf.ts';

/** `sdp` null: no body. 'unsupported': a body that is not (and has in it no) session description. */
export function sessionDescription(message: SipMessage): { readonly sdp: string | null } | 'unsupported' {
  const body = message.body ?? '';
  if (body.trim() === '') return { sdp: null };
  const type = (message.get('Content-Type') ?? '').trim();
  const media = (type.split(';')[0] ?? '').trim().toLowerCase();
  if (media === 'application/sdp' || (media === '' && body.startsWith('v=0'))) return { sdp: body };
  if (media.startsWith('multipart/')) {
    const sdp = partOfMultipart(body, /boundary="?([^";]+)"?/i.exec(type)?.[1]);
    if (sdp !== null) return { sdp };
  }
  return 'unsupported';
}

function partOfMultipart(body: string, boundary: string | undefined): string | null {
  if (boundary === undefined) return null;
  for (const part of body.split(`--${boundary}`).slice(1)) {
    const end = part.indexOf('\r\n\r\n');
    if (end < 0 || !/^content-type:\s*application\/sdp\b/im.test(part.slice(0, end))) continue;
    return part.slice(end + 4).replace(/(\r\n)+$/, '') + '\r\n';
  }
  return null;
}

const RELAY_SIGNALS: Readonly<Record<string, string>> = {
  '10': '*',
  '11': '#',
  '12': 'A',
  '13': 'B',
  '14': 'C',
  '15': 'D',
};

/**
 * The key of an INFO (application/dtmf-relay: `Signal=5`; application/dtmf: `5`). `digit` null: a body of such a type
 * without a key (a flash, or nonsense). 'unsupported': another type.
 */
export function dtmfOfInfo(
  contentType: string | undefined,
  body: string,
): { readonly digit: string | null } | 'unsupported' {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase();
  let signal: string | undefined;
  if (type === 'application/dtmf-relay') signal = /^\s*signal\s*=\s*(\S+)/im.exec(body)?.[1];
  else if (type === 'application/dtmf') signal = /^\s*(\S+)/.exec(body)?.[1];
  else return 'unsupported';
  const digit = RELAY_SIGNALS[signal ?? ''] ?? (signal ?? '').toUpperCase();
  return { digit: /^[0-9*#A-D]$/.test(digit) ? digit : null };
}

/** Body of a NOTIFY of a REFER (RFC 3515 section 2.4.5). */
export function sipFragment(status: number, reason: string): string {
  return `SIP/2.0 ${status} ${oneLine(reason)}\r\n`;
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').slice(0, 128);
}

/** Value of a Reason header (RFC 3326); Q.850 cause 16 is normal clearing. */
export function reasonHeader(text: string): string {
  return `Q.850;cause=16;text="${oneLine(text).replace(/[\\"]/g, '\\$&')}"`;
}

/** What a Reason header says, for people. */
export function reasonText(header: string | undefined): string | null {
  if (header === undefined) return null;
  const text = /text\s*=\s*"((?:[^"\\]|\\.)*)"/i.exec(header)?.[1];
  return text === undefined ? header : text.replace(/\\(.)/g, '$1');
}
