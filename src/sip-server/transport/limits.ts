import type { RateLimit } from './rate.ts';

/** What one peer, and all of them together, may take. */
export interface TransportLimits {
  /** Octets of one message. */
  readonly maxMessageBytes: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerSource: number;
  /** A connection with no octet either way. Longer than a registration lasts, for its phone is called over it. */
  readonly idleSeconds: number;
  /** From the opening of a connection to its first whole message, and from the first octet of a message to its last. */
  readonly messageSeconds: number;
  /** TCP connect and TLS or WebSocket handshake, each. */
  readonly handshakeSeconds: number;
  /** Between pings on a WebSocket; a peer that misses one is gone. */
  readonly pingSeconds: number;
  /** Octets that a connection may leave unread before it is given up. */
  readonly sendQueueBytes: number;
  /** Messages of one source address; one token each. */
  readonly rate: RateLimit;
  /** Tokens that an unreadable message costs besides. */
  readonly garbageCost: number;
}

/** 200 calls a second are some 3,000 messages a second. */
export const DEFAULT_LIMITS: TransportLimits = {
  maxMessageBytes: 65536,
  maxConnections: 5000,
  maxConnectionsPerSource: 1000,
  idleSeconds: 3900,
  messageSeconds: 32,
  handshakeSeconds: 10,
  pingSeconds: 30,
  sendQueueBytes: 1 << 20,
  rate: { perSecond: 10_000, burst: 20_000 },
  garbageCost: 50,
};

/** A request larger than this should not go by UDP where the path's MTU is unknown (RFC 3261 18.1.1). */
export const MTU_SAFE_BYTES = 1300;
