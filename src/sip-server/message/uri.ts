/** URIs of RFC 3261 section 19.1 (sip, sips) and RFC 3966 (tel); any other scheme is kept as it is. */
import { isUtf8 } from 'node:buffer';
import { SipParseError, excerpt } from './errors.ts';
import { hasParam, parseUint } from './scan.ts';
import type { OtherUri, Param, Params, SipUri, TelUri, Uri } from './types.ts';

function bad(what: string, text: string): SipParseError {
  return new SipParseError('bad_uri', `${what} in ${excerpt(text)}`);
}

/** True for a hexadecimal digit. */
function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}

/** Blanks, control characters, quotes and angle brackets stand nowhere in a URI; `%` only before two hex digits. */
function checkCharacters(text: string, escapes: boolean): void {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c <= 0x20 || c === 0x22 || c === 0x3c || c === 0x3e || c === 0x7f) throw bad('forbidden character', text);
    if (escapes && c === 0x25 && !(isHex(text.charCodeAt(i + 1)) && isHex(text.charCodeAt(i + 2)))) {
      throw bad('bad escape', text);
    }
  }
}

/** `%HH` as characters, once (RFC 4475 esc01): UTF-8 where the octets are, else one character an octet. */
export function unescape(text: string): string {
  if (!text.includes('%')) return text;
  const octets = Buffer.from(text, 'utf8');
  const out = Buffer.allocUnsafe(octets.length);
  let n = 0;
  for (let i = 0; i < octets.length; i++) {
    const c = octets[i]!;
    if (c === 0x25 && isHex(octets[i + 1] ?? 0) && isHex(octets[i + 2] ?? 0)) {
      out[n++] = Number.parseInt(octets.toString('latin1', i + 1, i + 3), 16);
      i += 2;
    } else out[n++] = c;
  }
  const result = out.subarray(0, n);
  return isUtf8(result) ? result.toString('utf8') : result.toString('latin1');
}

/** A plain text as the user part of a SIP URI: all but `unreserved` and `user-unreserved` escaped. */
export function escapeUser(text: string): string {
  return escape(text, /[^A-Za-z0-9\-_.!~*'()&=+$,;?/]/gu);
}

/** A plain text as a URI parameter or header value. */
export function escapeParam(text: string): string {
  return escape(text, /[^A-Za-z0-9\-_.!~*'()[\]/:&+$]/gu);
}

function escape(text: string, reserved: RegExp): string {
  return text.replace(reserved, (character) => {
    let out = '';
    for (const octet of Buffer.from(character, 'utf8')) out += `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
    return out;
  });
}

/** Throws SipParseError `bad_uri`. */
export function parseUri(text: string): Uri {
  const colon = text.indexOf(':');
  const scheme = text.slice(0, Math.max(colon, 0)).toLowerCase();
  if (!/^[a-z][a-z0-9+.-]*$/.test(scheme)) throw bad('no scheme', text);
  if (scheme === 'sip' || scheme === 'sips') return parseSip(text, scheme, colon + 1);
  if (scheme === 'tel') return parseTel(text, colon + 1);
  const opaque = text.slice(colon + 1);
  checkCharacters(opaque, false);
  return { kind: 'other', scheme, opaque } satisfies OtherUri;
}

function parseSip(text: string, scheme: 'sip' | 'sips', from: number): SipUri {
  checkCharacters(text, true);
  let user: string | undefined;
  let password: string | undefined;
  let start = from;
  const at = text.indexOf('@', from);
  if (at >= 0) {
    const colon = text.indexOf(':', from);
    const hasPassword = colon >= 0 && colon < at;
    user = text.slice(from, hasPassword ? colon : at);
    if (user === '') throw bad('empty user', text);
    if (hasPassword) password = text.slice(colon + 1, at);
    start = at + 1;
  }
  const question = text.indexOf('?', start);
  const end = question < 0 ? text.length : question;
  let semicolon = text.indexOf(';', start);
  if (semicolon < 0 || semicolon > end) semicolon = end;
  const { host, port } = parseHostPort(text.slice(start, semicolon));
  return {
    kind: 'sip',
    scheme,
    user,
    password,
    host,
    port,
    params: parsePairs(text, semicolon, end, ';'),
    headers: question < 0 ? [] : parsePairs(text, question, text.length, '&'),
  };
}

function parseTel(text: string, from: number): TelUri {
  checkCharacters(text, true);
  const semicolon = text.indexOf(';', from);
  const end = semicolon < 0 ? text.length : semicolon;
  const number = text.slice(from, end);
  if (!/^\+?[0-9A-Fa-f*#().-]+$/.test(number)) throw bad('no telephone number', text);
  return { kind: 'tel', scheme: 'tel', number, params: parsePairs(text, end, text.length, ';') };
}

/** `name[=value]` between separators; the first separator stands at `from`. */
function parsePairs(text: string, from: number, end: number, separator: string): Params {
  const pairs: Param[] = [];
  let i = from + 1;
  while (i <= end && from < end) {
    let next = text.indexOf(separator, i);
    if (next < 0 || next > end) next = end;
    const equals = text.indexOf('=', i);
    const hasValue = equals >= 0 && equals < next;
    const name = text.slice(i, hasValue ? equals : next);
    if (name === '') throw bad('empty parameter', text);
    pairs.push({ name, value: hasValue ? text.slice(equals + 1, next) : undefined });
    i = next + 1;
  }
  return pairs;
}

/** `host[:port]`, with IPv6 in brackets. Throws `bad_uri`. */
export function parseHostPort(text: string): { readonly host: string; readonly port: number | undefined } {
  const close = text.startsWith('[') ? text.indexOf(']') : -1;
  const colon = text.indexOf(':', close + 1);
  const host = colon < 0 ? text : text.slice(0, colon);
  if (!isHost(host)) throw bad('bad host', text);
  if (colon < 0) return { host, port: undefined };
  const port = parseUint(text.slice(colon + 1), 65535);
  if (port === undefined || port === 0) throw bad('bad port', text);
  return { host, port };
}

function isHost(host: string): boolean {
  if (host.length === 0 || host.length > 255) return false;
  // an underscore is no host name by the RFC, but stands in many
  return host.startsWith('[') ? /^\[[0-9A-Fa-f:.]+\]$/.test(host) : /^[A-Za-z0-9._-]+$/.test(host);
}

export function formatHostPort(host: string, port: number | undefined): string {
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  return port === undefined ? bracketed : `${bracketed}:${port}`;
}

/** The host without the brackets of an IPv6 address, as sockets want it. */
export function bareHost(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

export function formatUri(uri: Uri): string {
  if (uri.kind === 'other') return `${uri.scheme}:${uri.opaque}`;
  if (uri.kind === 'tel') return `tel:${uri.number}${join(uri.params, ';')}`;
  let text = `${uri.scheme}:`;
  if (uri.user !== undefined) text += `${uri.user}${uri.password === undefined ? '' : `:${uri.password}`}@`;
  text += formatHostPort(uri.host, uri.port) + join(uri.params, ';');
  if (uri.headers.length > 0) text += `?${join(uri.headers, '&').slice(1)}`;
  return text;
}

function join(pairs: Params, separator: string): string {
  let text = '';
  for (const p of pairs) text += separator + (p.value === undefined ? p.name : `${p.name}=${p.value}`);
  return text;
}

/** A URI parameter unescaped: '' without a value, undefined if absent. Names are compared unescaped too (esc01). */
export function uriParam(uri: Uri, name: string): string | undefined {
  if (uri.kind === 'other') return undefined;
  const lower = name.toLowerCase();
  for (const p of uri.params) if (unescape(p.name).toLowerCase() === lower) return unescape(p.value ?? '');
  return undefined;
}

/** The parameters that must stand in both URIs or in neither (RFC 3261 19.1.4; transport by its examples). */
const TELLING = ['user', 'ttl', 'method', 'maddr', 'transport'] as const;

/** Equality by RFC 3261 19.1.4; tel by RFC 3966 section 4; other schemes by their text. */
export function uriEquals(a: Uri, b: Uri): boolean {
  if (a.kind === 'sip' && b.kind === 'sip') return sipEquals(a, b);
  if (a.kind === 'tel' && b.kind === 'tel') {
    const digits = (n: string): string => n.replace(/[().-]/g, '').toLowerCase();
    return digits(a.number) === digits(b.number) && sharedParamsEqual(a, b) && a.params.length === b.params.length;
  }
  return a.kind === 'other' && b.kind === 'other' && a.scheme === b.scheme && a.opaque === b.opaque;
}

function sipEquals(a: SipUri, b: SipUri): boolean {
  if (a.scheme !== b.scheme || a.port !== b.port) return false;
  if (a.host.toLowerCase() !== b.host.toLowerCase()) return false;
  if (!sameEscaped(a.user, b.user) || !sameEscaped(a.password, b.password)) return false;
  if (TELLING.some((name) => (uriParam(a, name) === undefined) !== (uriParam(b, name) === undefined))) return false;
  if (!sharedParamsEqual(a, b)) return false;
  if (a.headers.length !== b.headers.length) return false;
  return a.headers.every(
    (h) =>
      hasParam(b.headers, h.name) && b.headers.some((o) => sameName(h.name, o.name) && sameEscaped(h.value, o.value)),
  );
}

function sharedParamsEqual(a: SipUri | TelUri, b: SipUri | TelUri): boolean {
  return a.params.every((p) => {
    const other = uriParam(b, unescape(p.name));
    return other === undefined || other.toLowerCase() === unescape(p.value ?? '').toLowerCase();
  });
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function sameEscaped(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a === b || canonical(a) === canonical(b);
}

/** Escapes of unreserved characters undone; of reserved ones kept, for `%3B` is not `;` (19.1.4). */
function canonical(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (whole, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9\-_.!~*'()]/.test(character) ? character : whole.toUpperCase();
  });
}
