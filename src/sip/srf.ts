/**
 * What Earshot uses of drachtio-srf, typed as its code behaves (its own declarations promise less and, in places, other
 * things). The one place where the library is imported.
 */
import DrachtioSrf from 'drachtio-srf';

export type Headers = Record<string, string>;

export interface SipMessage {
  readonly method: string;
  readonly uri: string;
  readonly status: number;
  readonly reason: string;
  readonly body: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  get(name: string): string | undefined;
  has(name: string): boolean;
}

interface Meta {
  readonly protocol: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly stackDialogId: string | undefined;
  readonly stackTxnId: string | undefined;
}

export interface SrfRequest extends SipMessage, Meta {
  /** Of a request that we sent. Throws where the connection has gone. */
  cancel(options: { headers?: Headers }, callback: (error: unknown) => void): void;
  on(event: 'cancel', listener: (cancel: SipMessage) => void): this;
  /** `acknowledge` sends the ACK of a final response to INVITE; for the failures among them the server has sent it. */
  on(event: 'response', listener: (response: SrfResponse, acknowledge: () => void) => void): this;
  /**
   * An UPDATE with the same Call-ID while this request of ours is under way: the library hands it to the request, also
   * where it belongs to an established dialog, and nobody answers it otherwise.
   */
  on(event: 'update', listener: (request: SrfRequest, response: SrfResponse) => void): this;
}

export interface SendOptions {
  headers?: Headers;
  body?: string;
}

export interface SrfResponse extends SipMessage, Meta {
  readonly finalResponseSent: boolean;
  /** The callback's error is an Error or a string. Throws for a status that the library does not know. */
  send(status: number, options?: SendOptions, callback?: (error: unknown) => void): void;
  send(status: number, reason: string, options: SendOptions, callback?: (error: unknown) => void): void;
}

export interface SrfDialog {
  readonly id: string;
  readonly sip: { readonly callId: string; readonly localTag: string; readonly remoteTag: string };
  readonly local: { readonly contact: string | undefined };
  readonly remote: { readonly sdp: string };
  destroy(options: { headers?: Headers }, callback: (error: unknown) => void): void;
  on(event: 'destroy', listener: (request: SipMessage, reason?: string) => void): this;
  on(event: 'ack', listener: (request: SipMessage) => void): this;
  on(
    event: 'modify' | 'update' | 'info' | 'refer' | 'notify' | 'message' | 'options',
    listener: (request: SrfRequest, response: SrfResponse) => void,
  ): this;
}

export interface UacOptions {
  headers: Headers;
  localSdp: string;
  proxy?: string;
  auth?: { username: string; password: string };
}

export type Handler = (request: SrfRequest, response: SrfResponse) => void;

/** One connection to a SIP server. */
export interface SrfApp {
  connect(options: {
    host: string;
    port: number;
    secret: string;
    enablePing: boolean;
    reconnect: { maxAttempts: number };
  }): void;
  disconnect(): void;
  /** `hostports`: where the server listens, `udp/10.0.0.5:5060,tcp/10.0.0.5:5060`; `local`: the same behind its NAT. */
  on(
    event: 'connect',
    listener: (error: Error | null, hostports?: string, version?: string, local?: string) => void,
  ): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'close', listener: () => void): this;
  /** Routes a method (lower case) to a handler. */
  use(method: string, handler: Handler): void;
  createUAS(
    request: SrfRequest,
    response: SrfResponse,
    options: { localSdp: string; headers: Headers },
    callback: (error: unknown, dialog?: SrfDialog) => void,
  ): void;
  createUAC(
    uri: string,
    options: UacOptions,
    progress: {
      cbRequest: (error: unknown, request?: SrfRequest) => void;
      cbProvisional: (response: SrfResponse) => void;
    },
    callback: (error: unknown, dialog?: SrfDialog) => void,
  ): void;
  request(
    uri: string,
    options: {
      method: string;
      headers?: Headers;
      body?: string;
      stackDialogId?: string;
      proxy?: string;
      auth?: { username: string; password: string };
    },
    callback: (error: unknown, request?: SrfRequest) => void,
  ): void;
}

export function createSrf(): SrfApp {
  return new DrachtioSrf() as unknown as SrfApp;
}

export interface SrfOptions {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
/** One line per noteworthy event; never a secret, never a whole message. */
export type Log = (level: LogLevel, message: string) => void;

/** The library reports errors as Error or as text. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The server's own answer, for want of a connection to the peer: it has no address. The embedded server says 503, as
 * RFC 3261 section 8.1.3.1 has it; drachtio-server says 410.
 */
export function isUnreachable(response: SrfResponse): boolean {
  return (response.status === 503 && response.source_port === 0) || isConnectionClosed(response);
}

/** drachtio-server has tried the connection that the peer registered over and nothing else. */
export function isConnectionClosed({ status, source_port }: SrfResponse): boolean {
  return status === 410 && source_port === 0;
}
