/** What the transaction layer sees of the network (RFC 3261 section 18). */
import type { SipMessage } from '../message/types.ts';

export type Protocol = 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';

/** One place we listen on. `external` replaces host (and port) in Via and Contact where the server is behind NAT. */
export interface ListenPoint {
  readonly protocol: Protocol;
  readonly host: string;
  readonly port: number;
  readonly external?: { readonly host: string; readonly port?: number };
}

/** Where a message came from, or goes to. `connection` names the TCP/TLS/WS connection, undefined for UDP. */
export interface Flow {
  readonly protocol: Protocol;
  readonly local: { readonly host: string; readonly port: number };
  readonly remote: { readonly host: string; readonly port: number };
  readonly connection?: string;
  /** The name that `remote.host` was resolved from: what a TLS certificate has to name. */
  readonly serverName?: string;
}

export interface Received {
  readonly message: SipMessage;
  readonly flow: Flow;
  readonly bytes: number;
  /** ms since the epoch */
  readonly at: number;
}

/** All listening sockets and connections of one server. */
export interface TransportLayer {
  readonly listenPoints: readonly ListenPoint[];
  /** Called for every well-formed message. Malformed ones are answered (400) or dropped by the layer itself. */
  onMessage: (received: Received) => void;
  /** A connection has gone; transactions and registered contacts on it are told. */
  onConnectionClosed: (connection: string) => void;
  /** Sends raw octets; opens a connection where there is none. Rejects with an Error whose `code` is stable. */
  send(octets: Buffer, flow: Flow): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** What has passed, and what was refused, since the start. */
export interface TransportCounts {
  readonly received: number;
  readonly sent: number;
  /** Unreadable: answered with an error, or dropped where no answer was possible. */
  readonly malformed: number;
  readonly answered: number;
  /** Dropped unread by the rate limit of their source. */
  readonly limited: number;
  /** Connections refused by the limits. */
  readonly refused: number;
  readonly sendErrors: number;
  /** Open at this moment. */
  readonly connections: number;
}

/** The layer over real sockets (`createTransport`). */
export interface SocketTransport extends TransportLayer {
  /**
   * The way from us to an address: over the listen point that fits it, and over an open connection to that very
   * address if there is one. Undefined where we do not listen on that protocol.
   */
  flowTo(protocol: Protocol, remote: { readonly host: string; readonly port: number }): Flow | undefined;
  counts(): TransportCounts;
}
