/**
 * Octets to message (RFC 3261 sections 7 and 25). One pass, linear in the length. What is wrong is noted and reading
 * goes on, so that the error carries as much of the message as an answer needs.
 */
import { isUtf8 } from 'node:buffer';
import { SipParseError, excerpt } from './errors.ts';
import { parseCSeq, parseNameAddr, parseVia } from './fields.ts';
import { longName } from './headers.ts';
import { isLws, isToken, parseUint, splitList, trimLws, trimLwsEnd } from './scan.ts';
import type { Header, SipMessage } from './types.ts';
import { parseUri } from './uri.ts';

/** Octets of the largest message taken. */
export const MAX_MESSAGE_BYTES = 65536;
/** Header fields of one message; beyond, it is an attack and no message. */
const MAX_HEADERS = 512;

export interface ParseOptions {
  /**
   * `datagram` (default): without Content-Length the body is the rest, octets beyond Content-Length are cut off, fewer
   * are a fault (RFC 3261 18.3). `rest`: the body is all that follows the empty line whatever Content-Length says, and
   * that line may be missing (drachtio control protocol). A frame of StreamFramer is a datagram.
   */
  readonly framing?: 'datagram' | 'rest';
  /** Default true: the fields every message must have are there once and readable. False: only the syntax counts. */
  readonly complete?: boolean;
  readonly maxBytes?: number;
}

const KNOWN_METHODS = new Set(
  'INVITE ACK BYE CANCEL OPTIONS REGISTER INFO PRACK UPDATE REFER SUBSCRIBE NOTIFY PUBLISH MESSAGE'.split(' '),
);

const EMPTY = Buffer.alloc(0);
const HEAD_END = Buffer.from('\r\n\r\n');

/** Throws SipParseError and nothing else, whatever the octets. */
export function parseMessage(octets: Buffer, options: ParseOptions = {}): SipMessage {
  const { framing = 'datagram', complete = true, maxBytes = MAX_MESSAGE_BYTES } = options;
  if (octets.length > maxBytes) throw new SipParseError('too_large', `${octets.length} octets`, 413);
  let start = 0;
  while (octets[start] === 0x0d && octets[start + 1] === 0x0a) start += 2; // RFC 3261 7.5
  const end = octets.indexOf(HEAD_END, start);
  const faults: SipParseError[] = [];
  const reader = new HeadReader(decode(octets.subarray(start, end < 0 ? octets.length : end + 2)), faults);
  const message = reader.message();
  if (end < 0 && framing === 'datagram') faults.push(new SipParseError('truncated', 'no empty line'));
  const body = end < 0 ? EMPTY : octets.subarray(end + 4);
  const whole = { ...message, body: framing === 'rest' ? body : cutBody(body, reader, faults) };
  if (complete) checkComplete(whole, reader, faults);
  if (faults[0]) throw faults[0].withPartial(whole);
  return whole;
}

/** Header text is UTF-8 (RFC 3261 7.3.1). Where it is not, it is an old device's Latin-1, and goes out as UTF-8. */
function decode(head: Buffer): string {
  return isUtf8(head) ? head.toString('utf8') : head.toString('latin1');
}

function cutBody(body: Buffer, reader: HeadReader, faults: SipParseError[]): Buffer {
  const length = reader.contentLength;
  if (length === undefined) return body;
  if (length > body.length) {
    faults.push(new SipParseError('truncated', `Content-Length ${length}, body of ${body.length} octets`));
  }
  return length < body.length ? body.subarray(0, length) : body;
}

/** Reads start line and header lines of one decoded head; remembers the fields that each message has once. */
class HeadReader {
  contentLength: number | undefined;
  readonly singles = new Map<string, string>();
  topVia: string | undefined;
  readonly #text: string;
  readonly #faults: SipParseError[];

  constructor(text: string, faults: SipParseError[]) {
    this.#text = text;
    this.#faults = faults;
  }

  message(): SipMessage {
    const { line, next } = this.#line(0);
    const headers: Header[] = [];
    let pos = next;
    while (pos < this.#text.length) {
      const field = this.#line(pos);
      pos = field.next;
      if (field.line === '') continue; // only where `rest` has no end of head
      if (headers.length >= MAX_HEADERS) {
        this.#fault('too_large', `more than ${MAX_HEADERS} header fields`, 413);
        break;
      }
      const header = this.#header(field.line);
      if (header) headers.push(header);
    }
    return this.#startLine(line, headers);
  }

  /** The line from `pos`, folded lines joined by one blank each (RFC 3261 7.3.1), and where the next one begins. */
  #line(pos: number): { line: string; next: number } {
    const text = this.#text;
    const first = this.#rawLine(pos);
    if (pos === 0 || !isLws(text.charCodeAt(first.next))) return first;
    const parts = [trimLwsEnd(first.line)];
    let next = first.next;
    while (isLws(text.charCodeAt(next))) {
      const more = this.#rawLine(next);
      parts.push(trimLws(more.line));
      next = more.next;
    }
    return { line: parts.filter((part) => part !== '').join(' '), next };
  }

  #rawLine(pos: number): { line: string; next: number } {
    const text = this.#text;
    const newline = text.indexOf('\n', pos);
    const end = newline < 0 ? text.length : newline;
    const bare = newline >= 0 && (newline === pos || text.charCodeAt(newline - 1) !== 0x0d);
    const line = text.slice(pos, newline < 0 || bare ? end : end - 1);
    if (!bare && !line.includes('\r')) return { line, next: end + 1 };
    this.#fault('bad_header', `bare line end in ${excerpt(line)}`);
    // what is kept for an answer must not break that answer's lines
    return { line: line.replaceAll('\r', ' '), next: end + 1 };
  }

  #header(line: string): Header | undefined {
    const colon = line.indexOf(':');
    const name = trimLws(line.slice(0, Math.max(colon, 0)));
    if (!isToken(name) || isLws(line.charCodeAt(0))) {
      this.#fault('bad_header', `header line ${excerpt(line)}`);
      return undefined;
    }
    const header = { name: longName(name), value: trimLws(line.slice(colon + 1)) };
    this.#remember(header);
    return header;
  }

  #remember({ name, value }: Header): void {
    const lower = name.toLowerCase();
    switch (lower) {
      case 'via':
        this.topVia ??= splitList(value)[0];
        return;
      case 'content-length':
        this.#length(value);
        return;
      case 'from':
      case 'to':
      case 'call-id':
      case 'cseq':
      case 'max-forwards':
        if (this.singles.has(lower)) this.#fault('duplicate_header', `${name} occurs twice`);
        else this.singles.set(lower, value);
    }
  }

  #length(value: string): void {
    const length = parseUint(value, Number.MAX_SAFE_INTEGER);
    if (length === undefined) this.#fault('bad_content_length', `Content-Length ${excerpt(value)}`);
    else if (this.contentLength !== undefined && this.contentLength !== length) {
      this.#fault('bad_content_length', 'two Content-Length that differ');
    } else this.contentLength = length;
  }

  #startLine(line: string, headers: Header[]): SipMessage {
    return /^SIP\//i.test(line) ? this.#statusLine(line, headers) : this.#requestLine(line, headers);
  }

  #requestLine(line: string, headers: Header[]): SipMessage {
    const trimmed = trimLws(line);
    const first = trimmed.indexOf(' ');
    const last = trimmed.lastIndexOf(' ');
    const method = trimmed.slice(0, Math.max(first, 0));
    const version = trimmed.slice(last + 1);
    if (first === last || !isToken(method) || !/^SIP\/[0-9]+\.[0-9]+$/i.test(version)) {
      throw new SipParseError('bad_start_line', `start line ${excerpt(line)}`);
    }
    const uri = trimLws(trimmed.slice(first, last));
    if (version.toUpperCase() !== 'SIP/2.0') {
      this.#fault('bad_version', `version ${excerpt(version)}`, 505);
    } else if (line.length !== method.length + uri.length + version.length + 2 || /[ \t]/.test(uri)) {
      this.#fault('bad_start_line', `blanks in the request line ${excerpt(line)}`);
    }
    return { kind: 'request', method, uri, headers, body: EMPTY };
  }

  #statusLine(line: string, headers: Header[]): SipMessage {
    const match = /^SIP\/([0-9]+\.[0-9]+) ([0-9]+)(?: |$)/i.exec(line);
    const status = parseUint(match?.[2] ?? '', 699);
    if (match?.[2]?.length !== 3 || status === undefined || status < 100) {
      throw new SipParseError('bad_status', `status line ${excerpt(line)}`);
    }
    if (match[1] !== '2.0') this.#fault('bad_version', `version ${excerpt(line)}`, 505);
    return { kind: 'response', status, reason: line.slice(match[0].length), headers, body: EMPTY };
  }

  #fault(code: SipParseError['code'], detail: string, status?: number): void {
    this.#faults.push(new SipParseError(code, detail, status));
  }
}

/** RFC 3261 8.1.1: what every message needs, each field once and readable. Notes the first fault. */
function checkComplete(message: SipMessage, reader: HeadReader, faults: SipParseError[]): void {
  if (faults.length > 0) return;
  try {
    if (message.kind === 'request') checkRequestUri(message.method, message.uri);
    if (reader.topVia === undefined) throw missing('Via');
    parseVia(reader.topVia);
    parseNameAddr(required(reader, 'From'));
    parseNameAddr(required(reader, 'To'));
    required(reader, 'Call-ID');
    const cseq = parseCSeq(required(reader, 'CSeq'));
    if (message.kind === 'request' && cseq.method !== message.method) {
      // RFC 4475 mismatch02: the unknown method is the better answer
      const status = KNOWN_METHODS.has(message.method) ? 400 : 501;
      throw new SipParseError('method_mismatch', `${message.method} with CSeq ${excerpt(cseq.method)}`, status);
    }
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    faults.push(error);
  }
}

function required(reader: HeadReader, name: string): string {
  const value = reader.singles.get(name.toLowerCase());
  if (value === undefined || value === '') throw missing(name);
  return value;
}

function missing(name: string): SipParseError {
  return new SipParseError('missing_header', `no ${name}`);
}

/** No headers in a Request-URI (RFC 3261 19.1.1). An ACK goes by its dialog, whatever its URI looks like. */
function checkRequestUri(method: string, text: string): void {
  if (method === 'ACK') return;
  const uri = parseUri(text);
  if (uri.kind === 'sip' && uri.headers.length > 0) {
    throw new SipParseError('bad_uri', `headers in the Request-URI ${excerpt(text)}`);
  }
}
