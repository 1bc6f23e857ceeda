/** A request of the network that an application has to answer. */
import { randomUUID } from 'node:crypto';
import { dialogAsUas } from '../dialog/dialog.ts';
import { timerAsUas } from '../dialog/session-timer.ts';
import { SipParseError } from '../message/errors.ts';
import { parseDeltaSeconds } from '../message/fields.ts';
import { header } from '../message/headers.ts';
import type { Header, SipResponse } from '../message/types.ts';
import { Timers } from '../transaction/clock.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { TIMEOUT } from '../transaction/timing.ts';
import type { AppMessage } from './app-message.ts';
import type { ControlClient, Owned } from './clients.ts';
import { ComposeError, appToTag, composeResponse } from './compose.ts';
import { deliver, selfOn } from './context.ts';
import type { Context } from './context.ts';
import { dialogId } from './session.ts';
import type { Session } from './session.ts';
import { endSession, setSessionTimer } from './session-ops.ts';
import { responseSentHead } from './wire.ts';

export const UNKNOWN_TRANSACTION = 'NOK|Response not sent due to unknown transaction';
export const TRANSPORT_GONE = 'NOK|transport for response has been shutdown or closed';
const COMPOSE_FAILED = 'NOK|Unknown server error sending response';

/** The peer gives up after 64 T1 (timer F); a moment before, we answer for an application that has not. */
const ANSWER_MS = TIMEOUT - 2000;

export interface IncomingInit {
  readonly context: Context;
  readonly transaction: ServerTransaction;
  readonly owner: ControlClient;
  readonly session: Session | undefined;
  /** Told instead of a fresh id; then it is found by that of another (early UPDATE). */
  readonly id?: string;
  /** Called once, when it is answered or given up. */
  readonly over?: () => void;
}

export class Incoming implements Owned {
  readonly id: string;
  readonly transaction: ServerTransaction;
  readonly owner: ControlClient;
  protected readonly context: Context;
  protected readonly timers: Timers<'answer' | 'expires' | 'interval' | 'prack'>;
  session: Session | undefined;
  readonly #over: (() => void) | undefined;
  #done = false;

  constructor({ context, transaction, owner, session, id, over }: IncomingInit) {
    this.context = context;
    this.transaction = transaction;
    this.owner = owner;
    this.session = session;
    this.id = id ?? randomUUID();
    this.timers = new Timers(context.clock);
    this.#over = over;
    if (id === undefined) context.incoming.set(this.id, this);
    owner.own(this);
    this.transaction.user = { failed: () => this.lost() };
    this.timers.set('answer', ANSWER_MS, () => this.unanswered());
  }

  protected get done(): boolean {
    return this.#done;
  }

  get method(): string {
    return this.transaction.request.method;
  }

  /** The dialog id told with the request. */
  protected get toldDialog(): string {
    return this.session?.id ?? '';
  }

  deliver(): void {
    const { received, request } = this.transaction;
    const local = this.session === undefined;
    deliver(this.owner, received, request, { transaction: this.id, dialog: this.toldDialog, local });
  }

  /** The application answers; `to` is its message id. */
  answer(to: string, app: AppMessage): void {
    if (this.#done || this.transaction.answered || this.transaction.state === 'terminated') {
      this.owner.reply(to, UNKNOWN_TRANSACTION);
      return;
    }
    try {
      this.respond(to, app);
    } catch (error) {
      if (error instanceof ComposeError) this.owner.reply(to, `NOK|${error.message}`);
      else if (error instanceof SipParseError) this.owner.reply(to, COMPOSE_FAILED);
      else throw error;
    }
  }

  protected respond(to: string, app: AppMessage): void {
    const { transaction, context } = this;
    this.adoptTag(app);
    const self = selfOn(context, transaction.flow);
    const add = this.#sessionExpires(app);
    const response = composeResponse(transaction.request, app, { toTag: transaction.toTag, self, add });
    const octets = transaction.respond(response);
    if (octets === undefined) {
      this.owner.reply(to, UNKNOWN_TRANSACTION);
      return;
    }
    const final = response.status >= 200;
    const dialog = final ? this.#answered(response) : this.toldDialog;
    this.echo(to, octets, dialog, false);
    if (final) this.finish();
  }

  /** The tag of our side: chosen by the application in its first response, else made here. */
  protected adoptTag(app: AppMessage): void {
    const tag = this.session === undefined && this.transaction.status <= 100 ? appToTag(app) : undefined;
    if (tag !== undefined) this.transaction.toTag = tag;
  }

  protected echo(to: string, octets: Buffer, dialog: string, invite: boolean): void {
    const { flow } = this.transaction;
    const at = this.context.clock.now();
    const sent = { bytes: octets.length, flow, at, transaction: this.id, dialog, invite };
    this.owner.send(responseSentHead(to, sent), octets);
  }

  /** What a final response brings about; the dialog id for the echo. */
  #answered(response: SipResponse): string {
    const { context, transaction, session } = this;
    const { request } = transaction;
    const success = response.status < 300;
    if (this.method === 'REGISTER' && success) context.bindings.granted(request, transaction.flow, response);
    if (this.method === 'SUBSCRIBE' && success) return this.#subscribed(response);
    if (session === undefined || session.ended) return '';
    if (this.method === 'UPDATE' && success) {
      if (response.body.length > 0) session.localSdp = response.body;
      const agreed = timerAsUas(request, response);
      if (agreed) setSessionTimer(context, session, agreed.timer);
    }
    const state = header(request, 'subscription-state') ?? '';
    const over = session.method === 'SUBSCRIBE' && this.method === 'NOTIFY' && /^\s*terminated/i.test(state);
    if (over) endSession(context, session, 'normal-release');
    return session.id;
  }

  #sessionExpires(app: AppMessage): Header[] {
    const { request } = this.transaction;
    if (this.method !== 'UPDATE' || this.session === undefined || app.start.kind !== 'response') return [];
    if (app.start.status < 200 || app.start.status >= 300) return [];
    return sessionHeaders(request, app);
  }

  /** A subscription begins, or goes on, for as long as is granted. */
  #subscribed(response: SipResponse): string {
    const { context, transaction } = this;
    const { request, toTag } = transaction;
    let { session } = this;
    if (session === undefined) {
      const dialog = dialogAsUas(request, toTag, 'confirmed');
      const id = dialogId(dialog.callId, dialog.remoteTag);
      const init = { id, callId: dialog.callId, localTag: toTag, method: 'SUBSCRIBE', role: 'uas' } as const;
      session = context.newSession({ ...init, owner: this.owner });
      session.put(dialog, true);
      session.event = header(request, 'event');
      context.sessions.tie(session, transaction.flow);
    }
    if (session.method === 'SUBSCRIBE') expireSubscription(context, session, response, request);
    return session.id;
  }

  /** The application has not answered in time. A BYE is answered whatever it thinks. */
  protected unanswered(): void {
    if (this.#done) return;
    this.context.log('warn', `${this.method} not answered by control client ${this.owner.id}`);
    this.transaction.reply(this.method === 'BYE' ? 200 : 504);
    this.finish();
  }

  /** The transport is gone: nobody waits for an answer. */
  protected lost(): void {
    this.context.lost.add(this.id);
    this.finish();
  }

  clientGone(): void {
    if (this.#done) return;
    this.transaction.reply(this.method === 'BYE' ? 200 : 503);
    this.finish();
  }

  /** Taken over by a proxy, which answers from now on. */
  handOver(): ServerTransaction {
    this.finish();
    return this.transaction;
  }

  protected finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.timers.clearAll();
    if (this.context.incoming.get(this.id) === this) this.context.incoming.delete(this.id);
    this.owner.disown(this);
    this.transaction.user = {};
    this.#over?.();
  }
}

/** Session-Expires (and Require) for a 2xx of the application, if the peer wants a session timer (RFC 4028 section 9). */
export function sessionHeaders(request: ServerTransaction['request'], app: AppMessage): Header[] {
  const probe: SipResponse = { kind: 'response', status: 200, reason: '', headers: app.headers, body: app.body };
  const agreed = timerAsUas(request, probe);
  if (agreed?.add === undefined) return [];
  const fields: Header[] = [{ name: 'Session-Expires', value: agreed.add }];
  const required = app.headers.some((h) => h.name === 'Require' && /\btimer\b/i.test(h.value));
  if (agreed.require && !required) fields.push({ name: 'Require', value: 'timer' });
  return fields;
}

const DEFAULT_SUBSCRIPTION_S = 3600;

/** Forgets a subscription that nobody renews. */
export function expireSubscription(
  context: Context,
  session: Session,
  response: SipResponse,
  request: ServerTransaction['request'],
): void {
  const text = header(response, 'expires') ?? header(request, 'expires');
  const seconds = (text === undefined ? undefined : parseDeltaSeconds(text)) ?? DEFAULT_SUBSCRIPTION_S;
  const ms = Math.min(seconds * 1000 + TIMEOUT, 2 ** 31 - 1);
  session.timers.set('expires', ms, () => endSession(context, session, 'normal-release'));
}
