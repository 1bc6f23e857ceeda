/** Typed values of single header fields: Via, From/To/Contact/Route, CSeq, RAck and the numeric ones. */
import { SipParseError, excerpt } from './errors.ts';
import { headerValues } from './headers.ts';
import {
  formatParams,
  isLws,
  isToken,
  param,
  parseParams,
  parseUint,
  quote,
  quotedEnd,
  skipLws,
  trimLws,
  unquote,
} from './scan.ts';
import type { CSeq, NameAddr, RAck, SipMessage, Via } from './types.ts';
import { formatHostPort, formatUri, parseHostPort, parseUri } from './uri.ts';

const MAX_UINT32 = 0xffffffff;

/** One Via value: `SIP / 2.0 / UDP host:port ;params`, blanks allowed round each. Throws `bad_via`. */
export function parseVia(text: string): Via {
  const via = parseViaSentBy(text);
  const semicolon = text.indexOf(';');
  try {
    return semicolon < 0 ? via : { ...via, params: parseParams(text, semicolon) };
  } catch (error) {
    throw error instanceof SipParseError ? badVia(error.detail, text) : error;
  }
}

/** The same without the parameters, whatever they look like: to answer a request whose Via is damaged there. */
export function parseViaSentBy(text: string): Via {
  const slash1 = text.indexOf('/');
  const slash2 = text.indexOf('/', slash1 + 1);
  if (slash1 < 0 || slash2 < 0) throw badVia('no protocol', text);
  const protocol = trimLws(text.slice(0, slash1));
  const version = trimLws(text.slice(slash1 + 1, slash2));
  const start = skipLws(text, slash2 + 1);
  let i = start;
  while (i < text.length && !isLws(text.charCodeAt(i)) && text[i] !== ';') i++;
  const transport = text.slice(start, i);
  if (protocol.toUpperCase() !== 'SIP' || !isToken(version) || !isToken(transport)) throw badVia('protocol', text);
  const semicolon = text.indexOf(';', i);
  const sentBy = trimLws(text.slice(i, semicolon < 0 ? text.length : semicolon));
  try {
    const { host, port } = parseHostPort(withoutBlanksAtColon(sentBy));
    return { version, transport, host, port, params: [] };
  } catch (error) {
    throw error instanceof SipParseError ? badVia(error.detail, text) : error;
  }
}

function badVia(what: string, text: string): SipParseError {
  return new SipParseError('bad_via', `${what} in Via ${excerpt(text)}`);
}

/** Blanks may stand round the colon of sent-by (RFC 3261 25.1). */
function withoutBlanksAtColon(sentBy: string): string {
  const colon = sentBy.indexOf(':', sentBy.indexOf(']') + 1);
  return colon < 0 ? sentBy : `${trimLws(sentBy.slice(0, colon))}:${trimLws(sentBy.slice(colon + 1))}`;
}

export function formatVia(via: Via): string {
  return `SIP/${via.version}/${via.transport} ${formatHostPort(via.host, via.port)}${formatParams(via.params)}`;
}

/**
 * `name-addr` or `addr-spec` with header parameters: From, To, one Contact, Route, Refer-To. Without angle brackets
 * every `;` belongs to the header (RFC 3261 20.10) and the URI may hold no `,` and no `?`. An unquoted display name may
 * be any text without comma or quote. Throws `bad_address`, `bad_uri` or `bad_params`.
 */
export function parseNameAddr(text: string): NameAddr {
  const fail = (what: string): SipParseError => new SipParseError('bad_address', `${what} in ${excerpt(text)}`);
  let i = skipLws(text, 0);
  let display: string | undefined;
  if (text[i] === '"') {
    const end = quotedEnd(text, i);
    if (end < 0) throw fail('quote without end');
    display = unquote(text.slice(i, end));
    i = skipLws(text, end);
    if (text[i] !== '<') throw fail('no < after the display name');
  }
  const open = text.indexOf('<', i);
  const semicolon = text.indexOf(';', i);
  if (
    open < 0 ||
    (display === undefined && semicolon >= 0 && semicolon < open && isAddrSpec(text.slice(i, semicolon)))
  ) {
    const end = semicolon < 0 ? text.length : semicolon;
    const uri = trimLws(text.slice(i, end));
    if (/[,?]/.test(uri)) throw fail('URI that needs angle brackets');
    return { display, uri: parseUri(uri), params: parseParams(text, end) };
  }
  if (display === undefined) {
    const name = trimLws(text.slice(i, open));
    if (/[,">]/.test(name)) throw fail('display name that needs quotes');
    if (name !== '') display = name;
  }
  const close = text.indexOf('>', open);
  if (close < 0) throw fail('no >');
  return { display, uri: parseUri(text.slice(open + 1, close)), params: parseParams(text, close + 1) };
}

/** Whether what stands before the first `;` is a URI, so that a later `<` is inside a parameter. */
function isAddrSpec(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:\S*[ \t]*$/.test(text);
}

export function formatNameAddr(address: NameAddr): string {
  const { display } = address;
  const plain = display === undefined || display.split(' ').every(isToken);
  const name = display === undefined ? '' : `${plain ? display : quote(display)} `;
  return `${name}<${formatUri(address.uri)}>${formatParams(address.params)}`;
}

/** The tag of From or To. */
export function tagOf(address: NameAddr): string | undefined {
  const tag = param(address.params, 'tag');
  return tag === '' ? undefined : tag;
}

/** One Contact value; `*` alone stands for all bindings (RFC 3261 10.2.2). */
export function parseContact(text: string): NameAddr | '*' {
  return trimLws(text) === '*' ? '*' : parseNameAddr(text);
}

/** All Contact values of a message, or `*`. Throws `bad_address` where `*` stands beside others. */
export function parseContacts(message: SipMessage): readonly NameAddr[] | '*' {
  const values = headerValues(message, 'contact').map(parseContact);
  const addresses = values.filter((v) => v !== '*');
  if (addresses.length === values.length) return addresses;
  if (values.length > 1) throw new SipParseError('bad_address', 'Contact * beside other contacts');
  return '*';
}

/** Throws `bad_cseq`; the number fits 32 bits (RFC 3261 8.1.1.5, RFC 4475 scalar02). */
export function parseCSeq(text: string): CSeq {
  const [digits, method, ...rest] = splitBlanks(text);
  const number = parseUint(digits ?? '', MAX_UINT32);
  if (number === undefined || method === undefined || !isToken(method) || rest.length > 0) {
    throw new SipParseError('bad_cseq', `CSeq ${excerpt(text)}`);
  }
  return { number, method };
}

/** Throws `bad_rack`. */
export function parseRAck(text: string): RAck {
  const [first, second, method, ...rest] = splitBlanks(text);
  const rseq = parseUint(first ?? '', MAX_UINT32);
  const cseq = parseUint(second ?? '', MAX_UINT32);
  if (rseq === undefined || cseq === undefined || method === undefined || !isToken(method) || rest.length > 0) {
    throw new SipParseError('bad_rack', `RAck ${excerpt(text)}`);
  }
  return { rseq, cseq, method };
}

function splitBlanks(text: string): string[] {
  return text.split(/[ \t]+/).filter((part) => part !== '');
}

/** Max-Forwards 0 to 255; undefined if absent or beyond, which RFC 4475 scalar02 lets count as absent. */
export function maxForwards(message: SipMessage): number | undefined {
  const value = headerValues(message, 'max-forwards')[0];
  return value === undefined ? undefined : parseUint(value, 255);
}

/** Seconds of Expires, Min-SE, Session-Expires and the like, parameters left aside; undefined if it is no uint32. */
export function parseDeltaSeconds(text: string): number | undefined {
  const semicolon = text.indexOf(';');
  return parseUint(trimLws(semicolon < 0 ? text : text.slice(0, semicolon)), MAX_UINT32);
}
