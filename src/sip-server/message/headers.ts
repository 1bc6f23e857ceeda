/** Reading and (immutably) editing the header fields of a message. Names are compared without regard to case. */
import { splitList } from './scan.ts';
import type { Header, SipMessage } from './types.ts';

/** Compact forms: RFC 3261 7.3.3, 3515, 3892, 4028, 6665, 3841, 8224. */
const COMPACT: Readonly<Record<string, string>> = {
  a: 'Accept-Contact',
  b: 'Referred-By',
  c: 'Content-Type',
  d: 'Request-Disposition',
  e: 'Content-Encoding',
  f: 'From',
  i: 'Call-ID',
  j: 'Reject-Contact',
  k: 'Supported',
  l: 'Content-Length',
  m: 'Contact',
  n: 'Identity-Info',
  o: 'Event',
  r: 'Refer-To',
  s: 'Subject',
  t: 'To',
  u: 'Allow-Events',
  v: 'Via',
  x: 'Session-Expires',
  y: 'Identity',
};

/** The long form of a compact name; any other name unchanged. */
export function longName(name: string): string {
  return name.length === 1 ? (COMPACT[name.toLowerCase()] ?? name) : name;
}

/** Whether a header has this name; `lower` is in lower case. */
function is(header: Header, lower: string): boolean {
  return header.name.length === lower.length && header.name.toLowerCase() === lower;
}

/** The value of the first field of that name, as received. */
export function header(message: SipMessage, name: string): string | undefined {
  const lower = name.toLowerCase();
  for (const h of message.headers) if (is(h, lower)) return h.value;
  return undefined;
}

/** The values of all fields of that name, in order, not split at commas. */
export function headers(message: SipMessage, name: string): string[] {
  const lower = name.toLowerCase();
  const values: string[] = [];
  for (const h of message.headers) if (is(h, lower)) values.push(h.value);
  return values;
}

export function hasHeader(message: SipMessage, name: string): boolean {
  return header(message, name) !== undefined;
}

/**
 * All values of a field with list syntax (Via, Contact, Route, Record-Route, Supported, Allow ...), split at commas
 * outside quotes and angle brackets. Never throws. Not for Date, Call-ID, From, To, Authorization.
 */
export function headerValues(message: SipMessage, name: string): string[] {
  const values: string[] = [];
  for (const value of headers(message, name)) for (const v of splitList(value)) values.push(v);
  return values;
}

/** Whether a list of tokens (Require, Supported, Allow ...) has this one, without regard to case. */
export function hasToken(message: SipMessage, name: string, token: string): boolean {
  const lower = token.toLowerCase();
  return headerValues(message, name).some((v) => v.toLowerCase() === lower);
}

function withHeaders<M extends SipMessage>(message: M, list: readonly Header[]): M {
  return { ...message, headers: list };
}

/** With this field once (or once per value), where the first of the name stood, else last. */
export function withHeader<M extends SipMessage>(message: M, name: string, value: string | readonly string[]): M {
  const lower = name.toLowerCase();
  const fields = (typeof value === 'string' ? [value] : value).map((v): Header => ({ name, value: v }));
  const at = message.headers.findIndex((h) => is(h, lower));
  if (at < 0) return withHeaders(message, [...message.headers, ...fields]);
  const rest = message.headers.slice(at + 1).filter((h) => !is(h, lower));
  return withHeaders(message, [...message.headers.slice(0, at), ...fields, ...rest]);
}

export function withoutHeader<M extends SipMessage>(message: M, ...names: readonly string[]): M {
  const lower = names.map((n) => n.toLowerCase());
  const list = message.headers.filter((h) => !lower.some((n) => is(h, n)));
  return withHeaders(message, list);
}

/** Before the first field of that name, else first of all: for Via and Record-Route. */
export function prependHeader<M extends SipMessage>(message: M, name: string, value: string): M {
  const lower = name.toLowerCase();
  const at = Math.max(
    message.headers.findIndex((h) => is(h, lower)),
    0,
  );
  return withHeaders(message, [...message.headers.slice(0, at), { name, value }, ...message.headers.slice(at)]);
}

/** Behind the last field of that name, else last of all. */
export function appendHeader<M extends SipMessage>(message: M, name: string, value: string): M {
  const lower = name.toLowerCase();
  const last = message.headers.findLastIndex((h) => is(h, lower));
  const at = last < 0 ? message.headers.length : last + 1;
  return withHeaders(message, [...message.headers.slice(0, at), { name, value }, ...message.headers.slice(at)]);
}

/** The first list value of a field replaced (the top Via), the others untouched; appended if there is none. */
export function withFirstValue<M extends SipMessage>(message: M, name: string, value: string): M {
  return editFirstValue(message, name, value) ?? appendHeader(message, name, value);
}

/** The first list value of a field taken away (the top Via, the first Route). */
export function withoutFirstValue<M extends SipMessage>(message: M, name: string): M {
  return editFirstValue(message, name, undefined) ?? message;
}

function editFirstValue<M extends SipMessage>(message: M, name: string, value: string | undefined): M | undefined {
  const lower = name.toLowerCase();
  const at = message.headers.findIndex((h) => is(h, lower) && splitList(h.value).length > 0);
  const field = message.headers[at];
  if (field === undefined) return undefined;
  const rest = splitList(field.value).slice(1);
  const values = value === undefined ? rest : [value, ...rest];
  const edited = values.length === 0 ? [] : [{ name: field.name, value: values.join(', ') }];
  return withHeaders(message, [...message.headers.slice(0, at), ...edited, ...message.headers.slice(at + 1)]);
}

/** With another body; Content-Type set to `contentType`, or taken away where the body is empty. */
export function withBody<M extends SipMessage>(message: M, body: Buffer | string, contentType?: string): M {
  const octets = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  const changed = { ...message, body: octets };
  if (octets.length === 0) return withoutHeader(changed, 'content-type');
  return contentType === undefined ? changed : withHeader(changed, 'Content-Type', contentType);
}

/** Names whose usual spelling is not just capital initials. */
const SPELLING: Readonly<Record<string, string>> = {
  'call-id': 'Call-ID',
  cseq: 'CSeq',
  rack: 'RAck',
  rseq: 'RSeq',
  'www-authenticate': 'WWW-Authenticate',
  'mime-version': 'MIME-Version',
  'min-se': 'Min-SE',
  'sip-etag': 'SIP-ETag',
  'sip-if-match': 'SIP-If-Match',
};

/** The usual spelling of a header name (`from` is `From`, `cseq` is `CSeq`), for what applications write. */
export function canonicalName(name: string): string {
  const long = longName(name).toLowerCase();
  return SPELLING[long] ?? long.replace(/(^|-)[a-z]/g, (initial) => initial.toUpperCase());
}
