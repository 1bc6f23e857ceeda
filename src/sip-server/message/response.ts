/** Responses made from requests (RFC 3261 8.2.6). */
import { SipParseError } from './errors.ts';
import { parseNameAddr, parseViaSentBy, tagOf } from './fields.ts';
import { header, headerValues, headers } from './headers.ts';
import type { Header, SipMessage, SipRequest, SipResponse } from './types.ts';

const REASONS: Readonly<Record<number, string>> = {
  100: 'Trying',
  180: 'Ringing',
  181: 'Call Is Being Forwarded',
  182: 'Queued',
  183: 'Session Progress',
  200: 'OK',
  202: 'Accepted',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Moved Temporarily',
  305: 'Use Proxy',
  380: 'Alternative Service',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  410: 'Gone',
  413: 'Request Entity Too Large',
  414: 'Request-URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  421: 'Extension Required',
  422: 'Session Interval Too Small',
  423: 'Interval Too Brief',
  480: 'Temporarily Unavailable',
  481: 'Call/Transaction Does Not Exist',
  482: 'Loop Detected',
  483: 'Too Many Hops',
  484: 'Address Incomplete',
  485: 'Ambiguous',
  486: 'Busy Here',
  487: 'Request Terminated',
  488: 'Not Acceptable Here',
  489: 'Bad Event',
  491: 'Request Pending',
  493: 'Undecipherable',
  500: 'Server Internal Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Server Time-out',
  505: 'Version Not Supported',
  513: 'Message Too Large',
  600: 'Busy Everywhere',
  603: 'Decline',
  604: 'Does Not Exist Anywhere',
  606: 'Not Acceptable',
};

export function reasonPhrase(status: number): string {
  return REASONS[status] ?? 'Unknown';
}

export interface ResponseOptions {
  readonly reason?: string;
  /** Added to To where it has no tag; not to 100. */
  readonly toTag?: string;
  /** Appended. */
  readonly headers?: readonly Header[];
  readonly body?: Buffer;
}

/** Via, From, To, Call-ID and CSeq of the request copied as they are, and what `options` adds. */
export function responseTo(request: SipRequest, status: number, options: ResponseOptions = {}): SipResponse {
  const fields: Header[] = headers(request, 'via').map((value) => ({ name: 'Via', value }));
  for (const name of ['From', 'To', 'Call-ID', 'CSeq']) {
    const value = header(request, name);
    if (value === undefined) continue;
    fields.push({ name, value: name === 'To' && status !== 100 ? withTag(value, options.toTag) : value });
  }
  if (options.headers) fields.push(...options.headers);
  const reason = options.reason ?? reasonPhrase(status);
  return { kind: 'response', status, reason, headers: fields, body: options.body ?? Buffer.alloc(0) };
}

/** A To that cannot be read is copied as it is: a tag behind an open quote would be no tag. */
function withTag(to: string, tag: string | undefined): string {
  if (tag === undefined) return to;
  try {
    return tagOf(parseNameAddr(to)) === undefined ? `${to};tag=${tag}` : to;
  } catch (error) {
    if (error instanceof SipParseError) return to;
    throw error;
  }
}

/** Whether an error can be answered at all: a request, no ACK, whose top Via says where the answer goes. */
export function answerable(message: SipMessage | undefined): message is SipRequest {
  if (message?.kind !== 'request' || message.method === 'ACK') return false;
  const top = headerValues(message, 'via')[0];
  if (top === undefined) return false;
  try {
    parseViaSentBy(top);
    return true;
  } catch (error) {
    if (error instanceof SipParseError) return false;
    throw error;
  }
}
