/** Why octets could not be sent; stable, whatever the platform calls it. */
export type TransportErrorCode =
  | 'no_transport'
  | 'not_found'
  | 'refused'
  | 'timeout'
  | 'unreachable'
  | 'closed'
  | 'busy'
  | 'too_large'
  | 'tls'
  | 'address_in_use'
  | 'address_not_available'
  | 'not_permitted'
  | 'failed';

export class TransportError extends Error {
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, detail: string, cause?: unknown) {
    super(`${code}: ${detail}`, { cause });
    this.name = 'TransportError';
    this.code = code;
  }
}

const SYSTEM_CODES: Readonly<Record<string, TransportErrorCode>> = {
  ENOTFOUND: 'not_found',
  EAI_AGAIN: 'not_found',
  ENODATA: 'not_found',
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  ETIMEOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
  ECONNRESET: 'closed',
  ECONNABORTED: 'closed',
  EPIPE: 'closed',
  ECANCELED: 'closed',
  ERR_STREAM_DESTROYED: 'closed',
  ERR_SOCKET_DGRAM_NOT_RUNNING: 'closed',
  EAGAIN: 'busy',
  ENOBUFS: 'busy',
  EMFILE: 'busy',
  ENFILE: 'busy',
  EMSGSIZE: 'too_large',
  EADDRINUSE: 'address_in_use',
  EADDRNOTAVAIL: 'address_not_available',
  EACCES: 'not_permitted',
  EPERM: 'not_permitted',
};

/** A system's error with our code; `what` says what was tried. */
export function transportError(error: unknown, what: string): TransportError {
  if (error instanceof TransportError) return error;
  const name = error instanceof Error && 'code' in error ? String(error.code) : '';
  const detail = error instanceof Error ? error.message : String(error);
  return new TransportError(SYSTEM_CODES[name] ?? tlsCode(name) ?? 'failed', `${what}: ${detail}`, error);
}

function tlsCode(name: string): TransportErrorCode | undefined {
  return /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(name) ? 'tls' : undefined;
}
