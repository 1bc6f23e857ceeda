import type { SipMessage } from './types.ts';

/** What was wrong; stable, for counters and logs. */
export type SipParseCode =
  | 'too_large'
  | 'truncated'
  | 'bad_start_line'
  | 'bad_version'
  | 'bad_status'
  | 'bad_header'
  | 'missing_header'
  | 'duplicate_header'
  | 'bad_content_length'
  | 'bad_cseq'
  | 'method_mismatch'
  | 'bad_via'
  | 'bad_uri'
  | 'bad_address'
  | 'bad_params'
  | 'bad_rack';

/**
 * The only error that parsing throws. `status` is the SIP status that fits an answer (400, 413, 501, 505). `partial` is
 * what could be read of a whole message before the fault: enough for an answer if `answerable` says so.
 */
export class SipParseError extends Error {
  readonly code: SipParseCode;
  readonly status: number;
  readonly detail: string;
  readonly partial: SipMessage | undefined;

  constructor(code: SipParseCode, detail: string, status = 400, partial?: SipMessage) {
    super(`${code}: ${detail}`);
    this.name = 'SipParseError';
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.partial = partial;
  }

  /** The same fault, with what had been read of the message. */
  withPartial(partial: SipMessage): SipParseError {
    return new SipParseError(this.code, this.detail, this.status, partial);
  }
}

/** Text of the network in an error message: printable, short. */
export function excerpt(text: string): string {
  const cut = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(cut);
}
