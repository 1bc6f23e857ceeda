/**
 * SIP messages as data (RFC 3261 section 7). Pure: no sockets, no clock. Header order and the text of every header are
 * kept as received, so that what passes through the server passes unchanged.
 */

/** One header line: the name as received (long form for compact names), the value unfolded and trimmed. */
export interface Header {
  readonly name: string;
  readonly value: string;
}

interface MessageBase {
  readonly headers: readonly Header[];
  readonly body: Buffer;
}

export interface SipRequest extends MessageBase {
  readonly kind: 'request';
  readonly method: string;
  readonly uri: string;
}

export interface SipResponse extends MessageBase {
  readonly kind: 'response';
  readonly status: number;
  readonly reason: string;
}

export type SipMessage = SipRequest | SipResponse;

/** One `;name=value` of a header field or URI, as written: quotes and escapes included. `value` undefined: no `=`. */
export interface Param {
  readonly name: string;
  readonly value: string | undefined;
}

export type Params = readonly Param[];

/** RFC 3261 19.1. `user`, `password`, `params` and `headers` are as written (escapes kept); see `unescape`. */
export interface SipUri {
  readonly kind: 'sip';
  readonly scheme: 'sip' | 'sips';
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** As written; an IPv6 address keeps its brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly params: Params;
  readonly headers: Params;
}

/** RFC 3966; the number as written, with visual separators. */
export interface TelUri {
  readonly kind: 'tel';
  readonly scheme: 'tel';
  readonly number: string;
  readonly params: Params;
}

/** Any other scheme (lower case) and what follows its colon, uninterpreted. */
export interface OtherUri {
  readonly kind: 'other';
  readonly scheme: string;
  readonly opaque: string;
}

export type Uri = SipUri | TelUri | OtherUri;

/** `"display" <uri>;params`. `display` is the text without quotes and escapes. */
export interface NameAddr {
  readonly display: string | undefined;
  readonly uri: Uri;
  readonly params: Params;
}

/** One Via value. `version` is e.g. `2.0`, `transport` as written (`UDP`), `host` keeps IPv6 brackets. */
export interface Via {
  readonly version: string;
  readonly transport: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly params: Params;
}

export interface CSeq {
  readonly number: number;
  readonly method: string;
}

/** RFC 3262 7.2 */
export interface RAck {
  readonly rseq: number;
  readonly cseq: number;
  readonly method: string;
}
