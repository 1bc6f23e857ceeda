/**
 * Cuts a TCP or TLS stream into messages (RFC 3261 18.3: by Content-Length, which a stream needs) and recognises
 * keep-alives (RFC 5626 3.5.1). Pure: octets in, octets out; each octet is looked at a bounded number of times, however
 * small the chunks are.
 */
import { SipParseError, excerpt } from './errors.ts';
import { MAX_MESSAGE_BYTES } from './parse.ts';
import { parseUint, trimLws } from './scan.ts';

const CR = 0x0d;
const LF = 0x0a;
const HEAD_END = Buffer.from('\r\n\r\n');
const NEWLINE = Buffer.from('\r\n');

export interface FramerOptions {
  readonly maxBytes?: number;
  /** A double CRLF between messages: to be answered with one CRLF. */
  readonly onPing?: () => void;
}

export class StreamFramer {
  readonly #maxBytes: number;
  readonly #onPing: () => void;
  #store: Buffer = Buffer.alloc(0);
  /** Whether #store is ours to write behind #end. */
  #owned = false;
  #start = 0;
  #end = 0;
  /** How far the end of the head has been looked for, from #start. */
  #searched = 0;
  /** Whether the first line is known to be one of SIP. */
  #startLineSeen = false;
  /** Octets of the message being received, once its head is complete. */
  #wanted: number | undefined;
  #crlfs = 0;
  #fault: SipParseError | undefined;

  constructor(options: FramerOptions = {}) {
    this.#maxBytes = options.maxBytes ?? MAX_MESSAGE_BYTES;
    this.#onPing = options.onPing ?? (() => undefined);
  }

  /** Why the stream cannot be read on: close it. What was pushed before the fault has been returned. */
  get fault(): SipParseError | undefined {
    return this.#fault;
  }

  /** Octets of an incomplete message that are held. */
  get pending(): number {
    return this.#end - this.#start;
  }

  /** The head (or what there is of it) of the message at fault, for an answer. */
  get faultyHead(): Buffer {
    const held = this.#store.subarray(this.#start, this.#end);
    const end = held.indexOf(HEAD_END);
    return Buffer.from(end < 0 ? held : held.subarray(0, end + 4));
  }

  /** The messages that are complete now, in order. After a fault: none any more. */
  push(chunk: Buffer): Buffer[] {
    if (this.#fault) return [];
    this.#append(chunk);
    const frames: Buffer[] = [];
    try {
      for (let frame = this.#next(); frame; frame = this.#next()) frames.push(frame);
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      this.#fault = error;
    }
    return frames;
  }

  #append(chunk: Buffer): void {
    const held = this.pending;
    const need = held + chunk.length;
    if (held === 0) {
      this.#store = chunk;
      this.#owned = false;
      this.#start = 0;
      this.#end = need;
    } else if (this.#owned && this.#store.length - this.#end >= chunk.length) {
      chunk.copy(this.#store, this.#end);
      this.#end += chunk.length;
    } else {
      // a new store, never a compacted one: frames handed out are views of the old
      const grown = Buffer.allocUnsafe(Math.max(2 * need, this.#wanted ?? 0));
      this.#store.copy(grown, 0, this.#start, this.#end);
      chunk.copy(grown, held);
      this.#store = grown;
      this.#owned = true;
      this.#start = 0;
      this.#end = need;
    }
  }

  #next(): Buffer | undefined {
    this.#skipLineEnds();
    const held = this.#store.subarray(this.#start, this.#end);
    if (held.length === 0 || (held.length === 1 && held[0] === CR)) return undefined; // half a line end, perhaps
    this.#crlfs = 0;
    this.#wanted ??= this.#frameLength(held);
    if (this.#wanted === undefined) {
      if (held.length > this.#maxBytes) throw new SipParseError('too_large', 'head without end', 413);
      return undefined;
    }
    if (held.length < this.#wanted) return undefined;
    const frame = held.subarray(0, this.#wanted);
    this.#start += this.#wanted;
    this.#wanted = undefined;
    this.#searched = 0;
    this.#startLineSeen = false;
    return frame;
  }

  /** Line ends between messages: ignored (RFC 3261 7.5), two in a row are a ping. */
  #skipLineEnds(): void {
    if (this.#wanted !== undefined || this.#startLineSeen) return;
    while (this.#end - this.#start >= 2 && this.#store[this.#start] === CR && this.#store[this.#start + 1] === LF) {
      this.#start += 2;
      this.#searched = 0;
      this.#crlfs += 1;
      if (this.#crlfs === 2) {
        this.#crlfs = 0;
        this.#onPing();
      }
    }
  }

  /** Octets of the message that begins here, undefined while its head is incomplete. Throws on what is no SIP. */
  #frameLength(held: Buffer): number | undefined {
    if (!this.#startLineSeen) {
      const end = held.indexOf(NEWLINE, Math.max(this.#searched - 1, 0));
      if (end < 0) {
        this.#searched = held.length;
        return undefined;
      }
      const line = held.toString('latin1', 0, end);
      if (!/^SIP\/|[ \t]SIP\/[0-9.]+[ \t]*$/i.test(line)) {
        throw new SipParseError('bad_start_line', `start line ${excerpt(line)}`);
      }
      this.#startLineSeen = true;
      this.#searched = end;
    }
    const end = held.indexOf(HEAD_END, Math.max(this.#searched - 3, 0));
    if (end < 0) {
      this.#searched = held.length;
      return undefined;
    }
    const length = end + 4 + contentLength(held.toString('latin1', 0, end));
    if (length > this.#maxBytes) throw new SipParseError('too_large', `message of ${length} octets`, 413);
    return length;
  }
}

/** The Content-Length of a head; a folded value included. Throws `bad_content_length`. */
function contentLength(head: string): number {
  let length: number | undefined;
  let pos = head.indexOf('\r\n');
  while (pos >= 0) {
    const start = pos + 2;
    pos = head.indexOf('\r\n', start);
    const first = head.charCodeAt(start) | 0x20;
    if (first !== 0x6c && first !== 0x63) continue; // neither l nor c
    while (pos >= 0 && (head[pos + 2] === ' ' || head[pos + 2] === '\t')) pos = head.indexOf('\r\n', pos + 2);
    const line = head.slice(start, pos < 0 ? head.length : pos);
    const colon = line.indexOf(':');
    const name = trimLws(line.slice(0, Math.max(colon, 0))).toLowerCase();
    if (name !== 'l' && name !== 'content-length') continue;
    const value = parseUint(trimLws(line.slice(colon + 1).replaceAll('\r\n', ' ')), Number.MAX_SAFE_INTEGER);
    if (value === undefined) throw new SipParseError('bad_content_length', excerpt(line));
    if (length !== undefined && length !== value) {
      throw new SipParseError('bad_content_length', 'two Content-Length that differ');
    }
    length = value;
  }
  if (length === undefined) throw new SipParseError('bad_content_length', 'none, on a stream');
  return length;
}
