/**
 * An INVITE of an application: forks, ACK, CANCEL, timer C, and what becomes of a 2xx that nobody wants any more.
 *
 * ```
 * calling -> ringing -> answered -> acknowledged
 *    \---------\-----> over
 * ```
 */
import { confirmed, dialogAsUac, retargeted, tagIn } from '../dialog/dialog.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { timerAsUac } from '../dialog/session-timer.ts';
import { parseCSeq } from '../message/fields.ts';
import { hasToken, header } from '../message/headers.ts';
import type { Header, SipRequest, SipResponse } from '../message/types.ts';
import { cancelOf } from '../transaction/client-transaction.ts';
import { Timers } from '../transaction/clock.ts';
import { TIMEOUT, TIMER_C } from '../transaction/timing.ts';
import type { Flow, Received } from '../transport/types.ts';
import { cdr, deliver } from './context.ts';
import { Outgoing } from './outgoing.ts';
import type { OutgoingInit } from './outgoing.ts';
import type { Session } from './session.ts';
import { acknowledgeOwn, byeFork, endSession, hangUp, sendAck, setSessionTimer, takesUpdate } from './session-ops.ts';

type State = 'calling' | 'ringing' | 'answered' | 'acknowledged' | 'over';

export class OutgoingInvite extends Outgoing {
  readonly cseq: number;
  readonly #initial: boolean;
  readonly #timers: Timers<'C' | 'ack' | 'cancel' | 'late'>;
  #state: State = 'calling';
  /** The fork whose 2xx came first. */
  #winner: string | undefined;
  /** ACKs as sent, by fork, until no 2xx can come again. */
  readonly #acks = new Map<string, { readonly octets: Buffer; readonly flow: Flow }>();
  /** RSeq last told to the application, by fork. */
  readonly #rseq = new Map<string, number>();
  /** A CANCEL that waits for a provisional response (9.1). */
  #cancel: SipRequest | undefined;
  #cancelled = false;

  constructor(init: OutgoingInit, initial: boolean) {
    super(init);
    this.#initial = initial;
    this.cseq = parseCSeq(header(init.request, 'cseq') ?? '').number;
    this.#timers = new Timers(init.context.clock);
    if (this.session) {
      this.session.inviting = this;
      if (init.request.body.length > 0) this.session.localSdp = init.request.body;
    }
  }

  get #final(): boolean {
    return this.#state === 'answered' || this.#state === 'acknowledged' || this.#state === 'over';
  }

  protected override response(response: SipResponse, received: Received): void {
    const { session } = this;
    if (session === undefined || response.status === 100) {
      this.#provisional();
      return;
    }
    if (response.status < 200) this.#progress(session, response, received);
    else if (response.status < 300) this.#success(session, response, received);
    else this.#failure(session, response, received);
  }

  #provisional(): void {
    if (this.#final) return;
    if (this.#state === 'calling') this.#state = 'ringing';
    this.#timers.set('C', TIMER_C, () => this.#timeoutC());
    if (this.#cancel) this.#sendCancel(this.#cancel);
  }

  #progress(session: Session, response: SipResponse, received: Received): void {
    if (this.#final) return;
    this.#provisional();
    const fork = tagIn(response, 'to');
    if (fork !== undefined && this.#initial) {
      const known = session.dialogs.get(fork);
      session.put(known ? retargeted(known, response) : dialogAsUac(this.request, response), true);
      if (takesUpdate(response)) session.peerTakesUpdate = true;
    }
    if (!this.#inOrder(fork ?? '', response)) return;
    if (this.done) return;
    deliver(this.owner, received, response, { transaction: this.id, dialog: this.dialogId });
  }

  /** 3262 section 4: a reliable response is taken once, and in its order. */
  #inOrder(fork: string, response: SipResponse): boolean {
    const text = header(response, 'rseq');
    if (text === undefined || !hasToken(response, 'require', '100rel')) return true;
    const rseq = Number(text);
    const last = this.#rseq.get(fork);
    if (last !== undefined && rseq !== last + 1) return false;
    this.#rseq.set(fork, rseq);
    return true;
  }

  #success(session: Session, response: SipResponse, received: Received): void {
    const { context } = this;
    const fork = tagIn(response, 'to') ?? '';
    if (this.#winner !== undefined || this.#state === 'over' || session.ended) {
      this.#repeated(session, fork, response);
      return;
    }
    this.#winner = fork;
    this.#state = 'answered';
    this.#timers.clearAll();
    // timer M: until then the 2xx may come again
    this.#timers.set('late', TIMEOUT, () => this.#release());
    context.sessions.tie(session, received.flow);
    this.#establish(session, fork, response);
    if (takesUpdate(response)) session.peerTakesUpdate = true;
    if (this.#initial) cdr(context, 'network', response, { kind: 'start', role: 'uac' });
    const timer = timerAsUac(response);
    if (timer || session.timer) setSessionTimer(context, session, timer);
    if (this.done) {
      // the application has gone meanwhile
      this.#acknowledge(session);
      hangUp(context, session, 'system-error-initiated-termination');
      return;
    }
    deliver(this.owner, received, response, { transaction: this.id, dialog: this.dialogId });
    this.finish();
    this.#timers.set('ack', TIMEOUT - 1000, () => this.#neverAcknowledged(session));
  }

  #establish(session: Session, fork: string, response: SipResponse): void {
    const known = session.dialogs.get(fork);
    if (this.#initial) {
      session.put(known ? confirmed(known, this.request, response) : dialogAsUac(this.request, response), true);
      session.keepOnly(fork);
    } else if (session.dialog) session.put(retargeted(session.dialog, response), true);
  }

  /** The same 2xx again: so is its ACK. Another fork's: acknowledged and ended, for one call is all that was wanted. */
  #repeated(session: Session, fork: string, response: SipResponse): void {
    const ack = this.#acks.get(fork);
    if (ack) {
      this.context.send(ack.octets, ack.flow).catch(() => undefined);
      return;
    }
    if (fork === this.#winner && this.#state === 'answered') return;
    const dialog: Dialog = dialogAsUac(this.request, response);
    this.context.log('info', 'a second fork has answered: acknowledged and ended');
    acknowledgeOwn(this.context, session, dialog, this.cseq, (sent, flow) => {
      this.#acks.set(fork, { octets: this.context.encode(sent), flow });
    });
    byeFork(this.context, session, dialog, undefined);
  }

  #failure(session: Session, response: SipResponse, received: Received): void {
    if (this.#final) return;
    this.#over();
    const { context } = this;
    // protocol.md 6.5: a challenged INVITE is tried again under the same dialog id
    if (this.#initial) {
      const reason = response.status === 487 ? 'call-canceled' : 'call-rejected';
      cdr(context, 'network', response, { kind: 'stop', reason });
      endSession(context, session, reason);
    }
    if (this.done) return;
    deliver(this.owner, received, response, { transaction: this.id, dialog: this.dialogId });
    this.finish();
  }

  protected override failed(status: number, reason?: string): void {
    if (this.#final) return;
    this.#over();
    // 9.1: no state waits for a final response for ever; a late 2xx is still met for a while
    const { transaction } = this;
    if (transaction && !transaction.over) this.#timers.set('late', TIMEOUT, () => transaction.abandon());
    const { session, context } = this;
    if (this.#initial && session) endSession(context, session, 'system-error-initiated-termination');
    super.failed(status, reason);
  }

  #over(): void {
    this.#state = 'over';
    this.#timers.clearAll();
    if (this.session?.inviting === this) this.session.inviting = undefined;
  }

  #release(): void {
    this.#timers.clearAll();
    this.#acks.clear();
  }

  /** 16.6 step 11 and 16.8: rung for too long. */
  #timeoutC(): void {
    if (this.#final) return;
    this.cancel();
    this.failed(408);
  }

  // -- CANCEL

  /** False if there is nothing to cancel. `extra`: headers of the application (Reason). */
  cancel(extra: readonly Header[] = []): SipRequest | undefined {
    if (this.#final || this.#cancelled) return undefined;
    this.#cancelled = true;
    const cancel = cancelOf(this.request, extra);
    if (this.#state === 'ringing') this.#sendCancel(cancel);
    else this.#cancel = cancel;
    return cancel;
  }

  /** Where this INVITE went. */
  get sentTo(): Flow | undefined {
    return this.flow;
  }

  #sendCancel(cancel: SipRequest): void {
    this.#cancel = undefined;
    if (this.flow === undefined) return;
    this.context.layer.send(cancel, this.flow, { response: () => undefined, failed: () => undefined });
    // 9.1: whoever does not answer the INVITE by then has forgotten it
    this.#timers.set('cancel', TIMEOUT, () => this.failed(408));
  }

  // -- ACK

  /** Sends the application's ACK, for the first time or again. */
  acknowledged(ack: SipRequest, flow: Flow): void {
    const { session, context } = this;
    const first = this.#state === 'answered';
    this.#acks.set(this.#winner ?? '', { octets: sendAck(context, ack, flow), flow });
    if (ack.body.length > 0 && session) session.localSdp = ack.body;
    this.#acknowledgedOnce();
    if (!first || session === undefined || session.ended) return;
    // the 2xx has won against our CANCEL, or left no way to reach its sender in the dialog
    if (this.#initial && this.#cancelled) hangUp(context, session, 'call-canceled', 'call canceled');
    else if (this.#initial && session.dialog?.hasContact === false) hangUp(context, session, 'call-rejected');
  }

  #acknowledgedOnce(): void {
    this.#state = 'acknowledged';
    this.#timers.clear('ack');
    if (this.session?.inviting === this) this.session.inviting = undefined;
    if (this.session) this.session.acknowledgeable = this;
  }

  get awaitsAck(): boolean {
    return this.#state === 'answered' || this.#state === 'acknowledged';
  }

  #acknowledge(session: Session): void {
    if (session.dialog === undefined) return;
    acknowledgeOwn(this.context, session, session.dialog, this.cseq, (sent, flow) => {
      this.#acks.set(this.#winner ?? '', { octets: this.context.encode(sent), flow });
    });
    this.#acknowledgedOnce();
  }

  #neverAcknowledged(session: Session): void {
    if (session.ended) return;
    this.context.log('warn', `2xx not acknowledged by control client ${this.owner.id}: call ended`);
    this.#acknowledge(session);
    hangUp(this.context, session, 'system-initiated-termination', 'ACK timeout');
  }

  /** The application is gone: a call that rings is cancelled; one that is answered, its session ends. */
  override clientGone(): void {
    super.clientGone();
    this.cancel();
  }

  /** The session ends while the 2xx still waits for its ACK. */
  acknowledgeIfDue(session: Session): void {
    if (this.#state === 'answered') this.#acknowledge(session);
  }
}
