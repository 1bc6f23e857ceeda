/**
 * SIP and tel URIs and name-addr header values (RFC 3261 sections 19.1, 20.10 and 25.1; RFC 3966), parsed with tolerance
 * and without exceptions: what cannot be read is null. Pure.
 */

export interface SipUri {
  readonly scheme: 'sip' | 'sips' | 'tel';
  /** Decoded; without its own parameters (`;phone-context=…`). Empty where there is none. */
  readonly user: string;
  /** Lower case; `[…]` kept for IPv6. Empty for tel. */
  readonly host: string;
  readonly port: number | null;
  /** Names in lower case; a parameter without value is an empty string. */
  readonly params: ReadonlyMap<string, string>;
  /** Header fields after `?`, decoded, names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface NameAddr {
  /** Display name, unquoted. */
  readonly name: string;
  readonly uriText: string;
  readonly uri: SipUri | null;
  /** Parameters of the header, names in lower case, values unquoted. */
  readonly params: ReadonlyMap<string, string>;
}

export function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Splits at `separator` where it stands outside quotes and angle brackets. */
export function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let angle = false;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '<') angle = true;
    else if (c === '>') angle = false;
    else if (c === separator && !angle) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

export function unquote(text: string): string {
  const trimmed = text.trim();
  if (trimmed.length < 2 || !trimmed.startsWith('"') || !trimmed.endsWith('"')) return trimmed;
  return trimmed.slice(1, -1).replace(/\\(.)/g, '$1');
}

export function parseParams(parts: readonly string[]): Map<string, string> {
  const params = new Map<string, string>();
  for (const part of parts) {
    const at = part.indexOf('=');
    const name = (at < 0 ? part : part.slice(0, at)).trim().toLowerCase();
    if (name !== '' && !params.has(name)) params.set(name, at < 0 ? '' : unquote(part.slice(at + 1)));
  }
  return params;
}

function parseUriHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const field of text.split('&')) {
    const at = field.indexOf('=');
    if (at > 0) headers.set(field.slice(0, at).toLowerCase(), percentDecode(field.slice(at + 1)));
  }
  return headers;
}

const HOST = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/;

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

export function parseUri(text: string): SipUri | null {
  const colon = text.indexOf(':');
  if (colon < 0 || text.length > 2048 || hasControl(text)) return null;
  const scheme = text.slice(0, colon).toLowerCase();
  let rest = text.slice(colon + 1);
  if (scheme === 'tel') {
    const [number = '', ...params] = rest.split(';');
    const user = percentDecode(number).replace(/[-.()]/g, '');
    if (user === '') return null;
    return { scheme, user, host: '', port: null, params: parseParams(params), headers: new Map() };
  }
  if (scheme !== 'sip' && scheme !== 'sips') return null;
  let user = '';
  const at = rest.lastIndexOf('@');
  if (at >= 0) {
    // The password after a colon is never used and never kept.
    user = percentDecode((rest.slice(0, at).split(/[;:]/)[0] ?? '').trim());
    if (user === '') return null;
    rest = rest.slice(at + 1);
  }
  const question = rest.indexOf('?');
  const headers = question < 0 ? new Map<string, string>() : parseUriHeaders(rest.slice(question + 1));
  const [hostport = '', ...params] = (question < 0 ? rest : rest.slice(0, question)).split(';');
  const match = HOST.exec(hostport.trim());
  if (match?.[1] === undefined) return null;
  const port = match[2] === undefined ? null : Number(match[2]);
  if (port !== null && (port < 1 || port > 65535)) return null;
  return { scheme, user, host: match[1].toLowerCase(), port, params: parseParams(params), headers };
}

/** One From, To, Contact, Refer-To or identity value; null where it is not one. */
export function parseNameAddr(text: string): NameAddr | null {
  const trimmed = text.trim();
  const [first = '', ...params] = splitOutside(trimmed, ';');
  const open = first.lastIndexOf('<');
  if (open < 0) {
    // addr-spec form: parameters after it belong to the header (section 20).
    const uriText = first.trim();
    if (uriText === '' || /[\s">]/.test(uriText)) return null;
    return { name: '', uriText, uri: parseUri(uriText), params: parseParams(params) };
  }
  const close = first.indexOf('>', open);
  if (close < 0 || first.slice(close + 1).trim() !== '') return null;
  const uriText = first.slice(open + 1, close).trim();
  if (uriText === '') return null;
  return { name: unquote(first.slice(0, open)), uriText, uri: parseUri(uriText), params: parseParams(params) };
}

/** Text for the inside of a quoted string: no control characters, quotes and backslashes escaped. */
export function quotedText(text: string): string {
  return Array.from(text, (c) => (hasControl(c) ? ' ' : c))
    .join('')
    .trim()
    .slice(0, 128)
    .replace(/[\\"]/g, '\\$&');
}

/** User part of a URI: everything outside RFC 3261's unreserved and user-unreserved (less `;?,`) is escaped. */
export function escapeUser(text: string): string {
  return Array.from(text.slice(0, 128), (c) => (/[A-Za-z0-9\-_.!~*'()&=+$/]/.test(c) ? c : percentOctets(c))).join('');
}

function percentOctets(c: string): string {
  return [...Buffer.from(c, 'utf8')].map((b) => `%${b.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

export function formatAddress(name: string, user: string, hostport: string): string {
  const shown = quotedText(name);
  const at = user === '' ? '' : `${escapeUser(user)}@`;
  return `${shown === '' ? '' : `"${shown}" `}<sip:${at}${hostport}>`;
}

/** Key by which two contact URIs are the same binding (section 19.1.4, as far as it matters for contacts). */
export function uriKey(uri: SipUri): string {
  const transport = (uri.params.get('transport') ?? '').toLowerCase();
  return `${uri.scheme}:${uri.user}@${uri.host}:${uri.port ?? ''};${transport}`;
}

/** IPv4-mapped IPv6 addresses as IPv4, brackets taken off, lower case. */
export function normaliseAddress(address: string): string {
  const bare = address.replace(/^\[|\]$/g, '').toLowerCase();
  return bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice(7) : bare;
}
