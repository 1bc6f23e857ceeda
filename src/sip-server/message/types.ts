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
