/** What the parts of the server share. */
import { serialize } from '../message/serialize.ts';
import type { SipMessage, SipRequest } from '../message/types.ts';
import type { Clock } from '../transaction/clock.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import type { Send } from '../transaction/driver.ts';
import type { Flow, Received } from '../transport/types.ts';
import type { Bindings } from './bindings.ts';
import type { ControlClient, Router } from './clients.ts';
import type { Self } from './compose.ts';
import type { Log } from './control-server.ts';
import type { Incoming } from './incoming.ts';
import type { Network } from './network.ts';
import { transportParam } from './network.ts';
import type { Outgoing } from './outgoing.ts';
import type { ProxiedDialogs } from './proxied-dialogs.ts';
import type { RecentSet } from './recent-set.ts';
import type { Session, SessionInit, SessionRegistry } from './session.ts';
import { cdrHead, sipHead } from './wire.ts';
import type { CdrReason, CdrRole } from './wire.ts';

export interface Context {
  readonly clock: Clock;
  readonly log: Log;
  readonly layer: TransactionLayer;
  readonly send: Send;
  readonly network: Network;
  readonly bindings: Bindings;
  readonly router: Router;
  readonly sessions: SessionRegistry;
  /** Requests of the network that wait for an application, by transaction id. */
  readonly incoming: Map<string, Incoming>;
  /** Requests of applications without a final response, by transaction id. */
  readonly outgoing: Map<string, Outgoing>;
  readonly proxied: ProxiedDialogs;
  /** Ids of requests whose transport has gone before they were answered. */
  readonly lost: RecentSet;
  encode(message: SipMessage): Buffer;
  /** An ACK for a 2xx of ours. */
  acknowledged(ack: SipRequest, received: Received): void;
  /** A new session; the server is told when its owner goes. */
  newSession(init: SessionInit): Session;
}

/** How we present ourselves over a flow. */
export function selfOn(context: Context, flow: Flow): Self {
  return { ...context.network.advertised(flow), transport: transportParam(flow) };
}

export interface Delivery {
  readonly transaction: string;
  readonly dialog: string;
  readonly hideProtocol?: boolean;
  readonly local?: boolean;
}

/** Hands a message of the network to a client. */
export function deliver(client: ControlClient, received: Received, message: SipMessage, to: Delivery): void {
  const head = sipHead({ source: 'network', bytes: received.bytes, flow: received.flow, at: received.at, ...to });
  client.send(head, serialize(message));
}

/** Hands a response that was made here (408, 503) to a client. */
export function deliverLocal(
  client: ControlClient,
  message: SipMessage,
  at: number,
  protocol: string,
  transaction: string,
  dialog: string,
): void {
  const head = sipHead({ source: 'network', bytes: 0, flow: undefined, at, protocol, transaction, dialog });
  client.send(head, serialize(message));
}

/** Tells the owner of a session that the server has ended it: the BYE as sent, source `application`. */
export function deliverUnsolicited(context: Context, session: Session, bye: SipRequest, flow: Flow | undefined): void {
  const octets = serialize(bye);
  const head = sipHead({
    source: 'application',
    bytes: octets.length,
    flow,
    at: context.clock.now(),
    transaction: 'unsolicited',
    dialog: session.id,
  });
  session.owner?.send(head, octets);
}

type CdrEvent =
  | { readonly kind: 'attempt' }
  | { readonly kind: 'start'; readonly role: CdrRole }
  | { readonly kind: 'stop'; readonly reason: CdrReason };

/** A call detail record for every client that has asked for its kind. */
export function cdr(context: Context, source: 'network' | 'application', message: SipMessage, event: CdrEvent): void {
  const clients = context.router.all(`cdr:${event.kind}`);
  if (clients.length === 0) return;
  const detail = event.kind === 'start' ? event.role : event.kind === 'stop' ? event.reason : undefined;
  const head = cdrHead(event.kind, source, context.clock.now(), detail);
  const octets = serialize(message);
  for (const client of clients) client.send(head, octets);
}
