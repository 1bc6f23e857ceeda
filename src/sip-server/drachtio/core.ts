/** The middle of the server: ties transactions, dialogs and applications together. */
import { serialize } from '../message/serialize.ts';
import type { SipMessage, SipRequest, SipResponse } from '../message/types.ts';
import type { Probe } from '../transaction/client-transaction.ts';
import { guardedClock } from '../transaction/clock.ts';
import type { Clock } from '../transaction/clock.ts';
import type { Send } from '../transaction/driver.ts';
import { TransactionLayer } from '../transaction/layer.ts';
import type { TransactionUser } from '../transaction/layer.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { ResolveOptions } from '../transport/resolve.ts';
import type { Flow, Received, TransportLayer } from '../transport/types.ts';
import { Bindings } from './bindings.ts';
import { Router } from './clients.ts';
import { CommandDesk } from './commands.ts';
import type { Context } from './context.ts';
import { logFault } from './control-server.ts';
import type { Log } from './control-server.ts';
import type { Incoming } from './incoming.ts';
import { Network } from './network.ts';
import { NetworkDesk } from './network-requests.ts';
import type { Outgoing } from './outgoing.ts';
import { ProxiedDialogs } from './proxied-dialogs.ts';
import { RecentSet } from './recent-set.ts';
import { Session, SessionRegistry } from './session.ts';
import type { SessionInit } from './session.ts';
import { dropSubscription, hangUp } from './session-ops.ts';

export interface CoreOptions {
  readonly transport: TransportLayer;
  readonly clock: Clock;
  readonly log: Log;
  readonly resolve?: ResolveOptions;
  readonly probe?: Probe;
}

const LOST_KEPT = 1000;

export class Core implements Context, TransactionUser {
  readonly clock: Clock;
  readonly log: Log;
  readonly layer: TransactionLayer;
  readonly network: Network;
  readonly bindings: Bindings;
  readonly router = new Router();
  readonly sessions = new SessionRegistry();
  readonly incoming = new Map<string, Incoming>();
  readonly outgoing = new Map<string, Outgoing>();
  readonly proxied: ProxiedDialogs;
  readonly lost = new RecentSet(LOST_KEPT);
  readonly commands: CommandDesk;
  readonly #transport: TransportLayer;
  readonly #desk: NetworkDesk;

  constructor({ transport, clock, log, resolve, probe }: CoreOptions) {
    this.log = log;
    const onFault = (error: unknown): void => logFault(log, error);
    this.clock = guardedClock(clock, onFault);
    this.#transport = transport;
    const now = (): number => clock.now();
    this.bindings = new Bindings(now);
    this.proxied = new ProxiedDialogs(now);
    const listenPoints = (): TransportLayer['listenPoints'] => transport.listenPoints;
    const network = { listenPoints, bindings: this.bindings, now, onFault };
    this.network = new Network(resolve === undefined ? network : { ...network, resolve });
    const send: Send = (octets, flow) => this.send(octets, flow);
    this.layer = new TransactionLayer({
      clock: this.clock,
      send,
      user: this,
      ...(probe === undefined ? {} : { probe }),
    });
    this.commands = new CommandDesk(this);
    this.#desk = new NetworkDesk(this);
    transport.onMessage = (received) => this.layer.receive(received);
    transport.onConnectionClosed = (connection) => this.#connectionClosed(connection);
  }

  send(octets: Buffer, flow: Flow): Promise<void> {
    return this.#transport.send(octets, flow);
  }

  encode(message: SipMessage): Buffer {
    return serialize(message);
  }

  newSession(init: SessionInit): Session {
    const session = new Session(init, this.clock, { orphaned: (s) => this.#orphaned(s) });
    this.sessions.add(session);
    return session;
  }

  // -- TransactionUser

  request(transaction: ServerTransaction): void {
    this.#desk.request(transaction);
  }

  ack(request: SipRequest, received: Received): void {
    this.acknowledged(request, received);
  }

  acknowledged(ack: SipRequest, received: Received): void {
    this.#desk.acknowledged(ack, received);
  }

  strayResponse(response: SipResponse, received: Received): void {
    this.log('debug', `stray ${response.status} from ${received.flow.remote.host}`);
  }

  // -- what goes away

  /** Nobody serves this call any more: it ends. What has no answer yet is ended by its own request. */
  #orphaned(session: Session): void {
    if (session.ended) return;
    if (session.method === 'SUBSCRIBE') {
      dropSubscription(this, session);
      return;
    }
    if (!session.confirmed) return;
    session.inviting?.acknowledgeIfDue(session);
    hangUp(this, session, 'system-error-initiated-termination');
  }

  #connectionClosed(connection: string): void {
    this.layer.connectionClosed(connection);
    this.bindings.connectionClosed(connection);
    this.sessions.connectionClosed(connection);
  }

  close(): void {
    for (const session of this.sessions.all()) this.sessions.remove(session);
    this.layer.close();
  }
}
