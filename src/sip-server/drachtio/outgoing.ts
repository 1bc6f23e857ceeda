/** A request of an application on its way: responses, timeouts, and what they do to its session. */
import { randomUUID } from 'node:crypto';
import { dialogAsUac, isTargetRefresh, retargeted } from '../dialog/dialog.ts';
import { timerAsUac } from '../dialog/session-timer.ts';
import { header, withoutHeader } from '../message/headers.ts';
import { newTag } from '../message/ids.ts';
import { responseTo } from '../message/response.ts';
import type { SipRequest, SipResponse } from '../message/types.ts';
import type { ClientTransaction } from '../transaction/client-transaction.ts';
import type { Flow, Received } from '../transport/types.ts';
import type { ControlClient, Owned } from './clients.ts';
import { deliver, deliverLocal } from './context.ts';
import type { Context } from './context.ts';
import { expireSubscription } from './incoming.ts';
import type { Session } from './session.ts';
import { endSession, setSessionTimer } from './session-ops.ts';
import { requestSentHead, requestUnsentHead, wireProtocol } from './wire.ts';
import { pooledRandom } from '../transaction/random.ts';

export interface OutgoingInit {
  readonly context: Context;
  readonly owner: ControlClient;
  readonly request: SipRequest;
  readonly session: Session | undefined;
}

export class Outgoing implements Owned {
  readonly id = randomUUID();
  readonly request: SipRequest;
  readonly owner: ControlClient;
  readonly session: Session | undefined;
  protected readonly context: Context;
  protected flow: Flow | undefined;
  protected transaction: ClientTransaction | undefined;
  #done = false;

  constructor({ context, owner, request, session }: OutgoingInit) {
    this.context = context;
    this.owner = owner;
    this.request = request;
    this.session = session;
    context.outgoing.set(this.id, this);
    owner.own(this);
  }

  protected get done(): boolean {
    return this.#done;
  }

  get method(): string {
    return this.request.method;
  }

  /** The id told with every response. */
  protected get dialogId(): string {
    return this.session?.id ?? '';
  }

  /** Sends it and tells the application so; no response can come before that is told. */
  send(to: string, flow: Flow): void {
    this.#transmit(flow);
    this.#tellSent(to, flow);
  }

  /** Told as sent now, sent when `due` is run. */
  sendAfter(to: string, flow: Flow, due: (() => void)[]): void {
    this.flow = flow;
    this.#tellSent(to, flow);
    due.push(() => this.#transmit(flow));
  }

  #transmit(flow: Flow): void {
    this.flow = flow;
    this.transaction = this.context.layer.send(this.request, flow, {
      response: (response, received) => this.response(response, received),
      failed: (reason) => this.failed(reason === 'timeout' ? 408 : 503),
    });
  }

  #tellSent(to: string, flow: Flow): void {
    const octets = this.context.encode(this.request);
    this.owner.send(requestSentHead(to, octets.length, flow, this.context.clock.now(), this.id), octets);
  }

  /** It cannot be sent, for its host has no address: the application is told as if it had been, then gets 503. */
  sendNowhere(to: string): void {
    const octets = this.context.encode(withoutHeader(this.request, 'via'));
    this.owner.send(requestUnsentHead(to, this.context.clock.now(), this.id), octets);
    this.failed(503, 'DNS Error');
  }

  protected response(response: SipResponse, received: Received): void {
    if (this.#done || response.status === 100) return;
    const { session, context } = this;
    if (session && !session.ended) {
      context.sessions.tie(session, received.flow);
      if (response.status < 300 && response.status >= 200) this.#succeeded(session, response);
    }
    deliver(this.owner, received, response, { transaction: this.id, dialog: this.dialogId });
    if (response.status >= 200) this.#final(response);
  }

  #succeeded(session: Session, response: SipResponse): void {
    const { context, request } = this;
    if (this.method === 'SUBSCRIBE' && session.method === 'SUBSCRIBE') {
      if (session.dialog === undefined) session.put(dialogAsUac(request, response), true);
      expireSubscription(context, session, response, request);
    }
    if (isTargetRefresh(this.method) && session.dialog) session.put(retargeted(session.dialog, response), true);
    if (this.method === 'UPDATE') {
      const timer = timerAsUac(response);
      if (timer) setSessionTimer(context, session, timer);
      if (request.body.length > 0) session.localSdp = request.body;
    }
  }

  /** A BYE ends its session whatever the answer, unless the application is to prove itself and try again. */
  #final(response: SipResponse): void {
    const { session, context, request } = this;
    const challenged = response.status === 401 || response.status === 407;
    if (session?.subscribe === request && response.status >= 300) endSession(context, session, 'call-rejected');
    if (session && this.method === 'BYE' && !challenged) endSession(context, session, 'normal-release', request);
    const state = header(request, 'subscription-state') ?? '';
    const terminated = this.method === 'NOTIFY' && /^\s*terminated/i.test(state);
    if (session?.method === 'SUBSCRIBE' && terminated && !challenged) endSession(context, session, 'normal-release');
    this.finish();
  }

  /** No answer, or no way: one is made here. */
  protected failed(status: number, reason?: string): void {
    if (this.#done) return;
    const options = { toTag: newTag(pooledRandom), ...(reason === undefined ? {} : { reason }) };
    const response = responseTo(this.request, status, options);
    const protocol = this.flow ? wireProtocol(this.flow.protocol) : 'unknown';
    deliverLocal(this.owner, response, this.context.clock.now(), protocol, this.id, this.dialogId);
    this.#final(response);
  }

  /** The application is gone; the transaction goes on by itself. */
  clientGone(): void {
    this.finish();
  }

  protected finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.context.outgoing.delete(this.id);
    this.owner.disown(this);
  }
}
