/**
 * An INVITE of the network: provisional responses, reliable ones (RFC 3262), the 2xx until its ACK, CANCEL, and an
 * application that does not answer.
 */
import { randomInt } from 'node:crypto';
import { dialogAsUas } from '../dialog/dialog.ts';
import { acknowledge, offer, reliableStart } from '../dialog/reliable.ts';
import type { Reliable, Step, Traits } from '../dialog/reliable.ts';
import { timerAsUas } from '../dialog/session-timer.ts';
import { parseCSeq, parseDeltaSeconds } from '../message/fields.ts';
import { hasToken, header } from '../message/headers.ts';
import type { Header, RAck, SipRequest, SipResponse } from '../message/types.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { TIMEOUT, retransmitMs } from '../transaction/timing.ts';
import type { Received } from '../transport/types.ts';
import { Accepted } from './accepted-invite.ts';
import type { AppMessage } from './app-message.ts';
import { ComposeError, composeResponse } from './compose.ts';
import { cdr, deliver, selfOn } from './context.ts';
import { Incoming, UNKNOWN_TRANSACTION, sessionHeaders } from './incoming.ts';
import type { IncomingInit } from './incoming.ts';
import { dialogId } from './session.ts';
import type { Session } from './session.ts';
import { endSession, hangUp, reasonHeader, setSessionTimer, takesUpdate } from './session-ops.ts';

/** A re-INVITE is answered soon; a call may ring as long as applications let calls ring. */
const RE_INVITE_MS = 180_000;
const INVITE_MS = 900_000;

interface Answer {
  readonly to: string;
  readonly app: AppMessage;
  readonly status: number;
  readonly reliable: boolean;
}

function traits({ status, reliable, app }: Answer): Traits {
  return { reliable, final: status >= 200, success: status >= 200 && status < 300, hasBody: app.body.length > 0 };
}

export class IncomingInvite extends Incoming {
  /** An UPDATE that came before the INVITE was answered. */
  update: Incoming | undefined;
  readonly #initial: boolean;
  readonly #cseq: number;
  readonly #id: string;
  #reliable: Reliable<Answer>;
  #retransmissions = 0;

  constructor(init: IncomingInit) {
    super(init);
    const { request } = this.transaction;
    this.#initial = init.session === undefined;
    this.#cseq = parseCSeq(header(request, 'cseq') ?? '').number;
    this.#id = this.#chooseId();
    this.#reliable = reliableStart<Answer>(randomInt(1, 2 ** 31 - 1));
    this.transaction.user = {
      failed: () => this.lost(),
      cancel: (cancel, received) => this.#cancelled(cancel, received),
      ack: (ack, received) => this.context.acknowledged(ack, received),
    };
    this.timers.set('answer', this.#initial ? INVITE_MS : RE_INVITE_MS, () => this.unanswered());
    const expires = parseDeltaSeconds(header(request, 'expires') ?? '');
    if (this.#initial && expires !== undefined && expires > 0 && expires * 1000 < INVITE_MS) {
      // 13.3.1: an INVITE says itself how long it is good for
      this.timers.set('expires', expires * 1000, () => this.#giveUp(487, 'expired'));
    }
  }

  /**
   * The dialog id for its responses. A call of ours that comes back to us (through a proxy) has the id of the call that
   * we placed: then the two must be told apart.
   */
  #chooseId(): string {
    const { request } = this.transaction;
    if (this.session) return this.session.id;
    const id = dialogId(header(request, 'call-id') ?? '', this.#fromTag);
    return this.context.sessions.byId(id) === undefined ? id : `${id};role=uas`;
  }

  get #fromTag(): string {
    return dialogAsUas(this.transaction.request, '', 'early').remoteTag;
  }

  protected override respond(to: string, app: AppMessage): void {
    const { request } = this.transaction;
    if (app.start.kind !== 'response') throw new ComposeError('invalid response');
    const { status } = app.start;
    const provisional = status > 100 && status < 200;
    const wanted = app.headers.some((h) => h.name === 'Require' && /\b100rel\b/i.test(h.value));
    const required = hasToken(request, 'require', '100rel');
    const reliable = provisional && (wanted || required);
    if (reliable && !required && !hasToken(request, 'supported', '100rel')) {
      throw new ComposeError('Remote endpoint does not support 100rel');
    }
    const answer: Answer = { to, app, status, reliable };
    // what cannot be sent is refused now, not when its turn comes
    this.#compose(answer, reliable ? 1 : undefined);
    this.#send(offer(this.#reliable, answer, traits));
  }

  #send(step: Step<Answer>): void {
    this.#reliable = step.state;
    for (const { response, rseq } of step.send) this.#sendOne(response, rseq);
  }

  #compose(answer: Answer, rseq: number | undefined): SipResponse {
    const { app, reliable, status } = answer;
    const { request, flow } = this.transaction;
    this.adoptTag(app);
    const add: Header[] = [];
    const named = app.headers.some((h) => h.name === 'Require' && /\b100rel\b/i.test(h.value));
    if (reliable && !named) add.push({ name: 'Require', value: '100rel' });
    if (status >= 200 && status < 300) add.push(...sessionHeaders(request, app));
    const parts = { toTag: this.transaction.toTag, self: selfOn(this.context, flow), add };
    return composeResponse(request, app, rseq === undefined ? parts : { ...parts, rseq });
  }

  #sendOne(answer: Answer, rseq: number | undefined): void {
    const { transaction } = this;
    const { status } = answer;
    const response = this.#compose(answer, rseq);
    if (status > 100 && status < 300) this.#establish(status >= 200);
    const octets = transaction.respond(response);
    if (octets === undefined) {
      this.owner.reply(answer.to, UNKNOWN_TRANSACTION);
      return;
    }
    if (response.body.length > 0 && this.session) this.session.localSdp = response.body;
    this.echo(answer.to, octets, this.#id, true);
    if (rseq !== undefined) this.#retransmitReliable(response, 0);
    if (status >= 300) this.#rejected(response);
    else if (status >= 200) this.#accepted(response);
    else if (this.#initial) this.timers.set('answer', INVITE_MS, () => this.unanswered());
  }

  /** 12.1.1: a dialog with the first response that has a tag. */
  #establish(confirmed: boolean): void {
    const { request, toTag, flow } = this.transaction;
    if (!this.#initial) return;
    let { session } = this;
    if (session === undefined) {
      const callId = header(request, 'call-id') ?? '';
      const init = { id: this.#id, callId, localTag: toTag, method: 'INVITE', role: 'uas' } as const;
      session = this.context.newSession({ ...init, owner: this.owner });
      session.serving = this;
      session.peerTakesUpdate = takesUpdate(request);
      this.session = session;
      this.context.sessions.tie(session, flow);
    }
    const known = session.dialogs.get(this.#fromTag);
    const dialog = known ?? dialogAsUas(request, toTag, 'early');
    session.put({ ...dialog, state: confirmed ? 'confirmed' : dialog.state }, true);
  }

  #accepted(response: SipResponse): void {
    const { session, transaction, context } = this;
    if (session === undefined) return;
    const accepted = new Accepted({
      clock: context.clock,
      transaction: this.#initial ? this.id : '',
      remoteTag: this.#fromTag,
      resend: () => void transaction.respond(response),
      expired: () => this.#unacknowledged(session),
    });
    session.accepted.set(this.#cseq, accepted);
    if (this.#initial) cdr(context, 'application', response, { kind: 'start', role: 'uas' });
    const agreed = timerAsUas(transaction.request, response);
    setSessionTimer(context, session, agreed?.timer);
    this.#over();
  }

  #unacknowledged(session: Session): void {
    session.accepted.delete(this.#cseq);
    hangUp(this.context, session, 'system-initiated-termination', 'ACK timeout');
  }

  #rejected(response: SipResponse): void {
    const { session, context } = this;
    if (this.#initial) {
      cdr(context, 'application', response, { kind: 'stop', reason: 'call-rejected' });
      if (session) endSession(context, session, 'call-rejected');
    }
    this.#over();
  }

  /** The final response is out; what was queued behind it will not be sent. */
  #over(): void {
    for (const { to } of this.#reliable.waiting) this.owner.reply(to, UNKNOWN_TRANSACTION);
    const { outstanding } = this.#reliable;
    if (outstanding && this.session) this.session.latePrack = { rseq: outstanding.rseq, cseq: this.#cseq };
    this.#reliable = { ...this.#reliable, waiting: [] };
    this.finish();
  }

  /** An early dialog that the application has begun here ends with that; the proxy's callee makes the real one. */
  override handOver(): ServerTransaction {
    const { session } = this;
    if (this.#initial && session) endSession(this.context, session, 'normal-release');
    return super.handOver();
  }

  protected override finish(): void {
    if (this.session?.serving === this) this.session.serving = undefined;
    super.finish();
  }

  #retransmitReliable(response: SipResponse, sent: number): void {
    this.#retransmissions = sent;
    if (sent === 0) this.timers.set('prack', TIMEOUT, () => this.#giveUp(504, 'PRACK timeout'));
    this.timers.set('interval', retransmitMs(sent, Number.POSITIVE_INFINITY), () => {
      this.transaction.respond(response);
      this.#retransmitReliable(response, this.#retransmissions + 1);
    });
  }

  /** A PRACK: false if it acknowledges nothing (answer 481). */
  prack(rack: RAck): boolean {
    const step = acknowledge(this.#reliable, rack, this.#cseq, traits);
    if (step === undefined) return false;
    this.timers.clear('interval');
    this.timers.clear('prack');
    this.#pracked = step;
    return true;
  }

  #pracked: Step<Answer> | undefined;

  /** Sends what waited for the PRACK; called once the PRACK is with the application. */
  resume(): void {
    const step = this.#pracked;
    this.#pracked = undefined;
    if (step && !this.done) this.#send(step);
  }

  /** 9.2; the 200 to the CANCEL is out already. */
  #cancelled(cancel: SipRequest, received: Received): void {
    if (this.done) return;
    deliver(this.owner, received, cancel, { transaction: this.id, dialog: this.toldDialog });
    this.#fail(487, 'call-canceled');
  }

  /** Ends an INVITE from this side: the caller gets `status`, the application a CANCEL that says why. */
  #giveUp(status: number, why: string): void {
    if (this.done) return;
    this.#tellCancelled(why);
    this.#fail(status, 'system-initiated-termination');
  }

  #tellCancelled(why: string): void {
    const { request, received } = this.transaction;
    const kept = new Set(['via', 'from', 'to', 'call-id', 'max-forwards']);
    const fields = request.headers.filter((h) => kept.has(h.name.toLowerCase()));
    const cseq: Header = { name: 'CSeq', value: `${this.#cseq} CANCEL` };
    const headers = [...fields, cseq, reasonHeader(why), { name: 'Content-Length', value: '0' }];
    const cancel: SipRequest = { ...request, method: 'CANCEL', headers, body: Buffer.alloc(0) };
    deliver(this.owner, received, cancel, { transaction: this.id, dialog: this.toldDialog });
  }

  #fail(status: number, reason: 'call-canceled' | 'system-initiated-termination'): void {
    const { session, context, transaction } = this;
    transaction.reply(status);
    if (this.#initial) {
      cdr(context, 'network', transaction.request, { kind: 'stop', reason });
      if (session) endSession(context, session, reason);
    }
    this.update?.clientGone();
    this.#over();
  }

  /** The caller has sent BYE instead of waiting for an answer (15.1.2), or the dialog is over. */
  superseded(): void {
    if (this.done) return;
    if (this.#initial) this.#tellCancelled('call ended');
    this.#fail(487, 'call-canceled');
  }

  protected override unanswered(): void {
    if (this.done) return;
    this.context.log('warn', `INVITE not answered by control client ${this.owner.id}`);
    if (this.#initial) this.#giveUp(408, 'no answer');
    else this.#fail(504, 'system-initiated-termination');
  }

  protected override lost(): void {
    if (this.done) return;
    this.context.lost.add(this.id);
    if (this.#initial) this.#tellCancelled('transport closed');
    const { session } = this;
    if (this.#initial && session) endSession(this.context, session, 'system-error-initiated-termination');
    this.#over();
  }

  override clientGone(): void {
    if (this.done) return;
    const { session } = this;
    this.transaction.reply(503);
    if (this.#initial && session) endSession(this.context, session, 'system-error-initiated-termination');
    this.#over();
  }
}
