/**
 * One established dialog with a phone (RFC 3261 sections 12, 14, 15), over a dialog of drachtio-srf.
 *
 *   up -> ended        by BYE of the peer, by hangup(), or because the dialog or the control connection is lost
 *
 * Invariant: one offer/answer exchange at a time (RFC 3264 section 4, RFC 3261 section 14): ours wait for theirs, theirs
 * meet 491 (500 while one of theirs is not finished). After `ended` nothing is delivered and everything waiting is told.
 */
import { LegFailure, type Dialog, type DialogEvents } from '../control/ports.ts';
import { dtmfOfInfo, reasonHeader, reasonText, sessionDescription } from './body.ts';
import { detached, guarded, reply, respond, type SipContext } from './context.ts';
import { handleRefer } from './refer.ts';
import type { Handler, Headers, SipMessage, SrfApp, SrfDialog, SrfRequest, SrfResponse } from './srf.ts';
import { errorText } from './srf.ts';
import { sendable } from './status.ts';

export interface DialogOptions {
  /** The connection that the dialog was made on. */
  readonly srf: SrfApp;
  readonly remoteSdp: string;
  readonly remoteAddress: string;
  /** Who sent the INVITE: the owner of the Call-ID waits longer after a 491 (section 14.1). */
  readonly caller: boolean;
}

const MAX_GLARE_RETRIES = 6;
const MAX_RETRY_AFTER = 10; // s

export class SipDialog implements Dialog {
  readonly remoteAddress: string;
  readonly sipId: { readonly callId: string; readonly localTag: string; readonly remoteTag: string };
  readonly #context: SipContext;
  readonly #dialog: SrfDialog;
  readonly #srf: SrfApp;
  readonly #caller: boolean;
  #remoteSdp: string;
  #events: DialogEvents | null = null;
  #early: ((events: DialogEvents) => void)[] = [];
  #state: 'up' | 'ended' = 'up';
  #exchange: 'idle' | 'ours' | 'theirs' = 'idle';
  #onIdle: (() => void)[] = [];
  /** Told when the dialog ends: requests without response, ACKs awaited, waits. */
  readonly #waiting = new Set<(error: LegFailure) => void>();
  readonly #acks = new Map<number, (ack: SipMessage) => void>();
  #hangup: Promise<void> | null = null;
  #refers = 0;
  readonly #forget: () => void;

  constructor(context: SipContext, dialog: SrfDialog, options: DialogOptions) {
    this.#context = context;
    this.#dialog = dialog;
    this.#srf = options.srf;
    this.#caller = options.caller;
    this.#remoteSdp = options.remoteSdp;
    this.remoteAddress = options.remoteAddress;
    this.sipId = { ...dialog.sip };
    this.#forget = context.loss.add(() => {
      context.orphaned(dialog.id);
      this.#lost('the connection to the SIP server was lost', true);
    });
    this.#listen();
  }

  get remoteSdp(): string {
    return this.#remoteSdp;
  }

  bind(events: DialogEvents): void {
    this.#events = events;
    const early = this.#early;
    this.#early = [];
    for (const deliver of early) deliver(events);
  }

  async modify(localSdp: string): Promise<string> {
    for (let attempt = 0; ; attempt++) {
      const response = await this.#offer(localSdp);
      if (response.status === 200) {
        const answer = sessionDescription(response);
        if (answer === 'unsupported' || answer.sdp === null) throw new LegFailure(500, 'No answer in 200');
        this.#remoteSdp = answer.sdp;
        return answer.sdp;
      }
      const delay = retryDelay(response, this.#caller);
      if (delay === null || attempt >= MAX_GLARE_RETRIES) {
        if (response.status === 481 || response.status === 408) this.#brokenDialog(response.status);
        throw new LegFailure(response.status, response.reason);
      }
      await this.#pause(delay);
    }
  }

  async request(method: string, headers: Readonly<Record<string, string>> = {}, body?: string): Promise<number> {
    const response = await this.#send(method, { ...headers }, body);
    return response.status;
  }

  hangup(reason?: string): Promise<void> {
    if (this.#hangup !== null) return this.#hangup;
    if (this.#state === 'ended') return Promise.resolve();
    this.#end('ended here');
    this.#early = [];
    this.#hangup = this.#bye(reason);
    return this.#hangup;
  }

  /** The ACK of a 200 of ours: resolves with its session description. Rejects where the dialog ends before. */
  async acknowledged(cseq: number): Promise<string | null> {
    const ack = await this.#wait<SipMessage>((resolve) => this.#acks.set(cseq, resolve));
    const description = sessionDescription(ack);
    const sdp = description === 'unsupported' ? null : description.sdp;
    if (sdp !== null) this.#remoteSdp = sdp;
    return sdp;
  }

  #listen(): void {
    const { log } = this.#context;
    const on = (event: 'modify' | 'update' | 'info' | 'refer' | 'message', handler: Handler): void => {
      this.#dialog.on(event, (request, response) => {
        guarded(log, `in-dialog ${event}`, () => handler(request, response));
      });
    };
    this.#dialog.on('destroy', (bye, reason) => {
      guarded(log, 'BYE', () => this.#lost(reasonText(bye.get('Reason')) ?? reason ?? 'normal release'));
    });
    this.#dialog.on('ack', (ack) => guarded(log, 'ACK', () => this.#onAck(ack)));
    on('modify', (request, response) => this.#onReInvite(request, response));
    on('update', (request, response) => this.#onUpdate(request, response));
    on('info', (request, response) => this.#onInfo(request, response));
    on('refer', (request, response) => this.#onRefer(request, response));
    on('message', (_request, response) => this.#onMessage(response));
  }

  #onReInvite(request: SrfRequest, response: SrfResponse): void {
    const admitted = this.#admit(request, response);
    if (admitted === null) return;
    const { offer } = admitted;
    this.#exchange = 'theirs';
    this.#deliver((events) => {
      detached(this.#context.log, 're-INVITE', this.#answer(events, request, response, offer));
    });
  }

  #onUpdate(request: SrfRequest, response: SrfResponse): void {
    const admitted = this.#admit(request, response);
    if (admitted === null) return;
    const { offer } = admitted;
    if (offer === null) {
      // Session refresh (RFC 4028) or a target refresh (RFC 3311): no exchange.
      reply(this.#context.log, response, 200);
      return;
    }
    this.#exchange = 'theirs';
    this.#deliver((events) => {
      detached(this.#context.log, 'UPDATE', this.#answer(events, request, response, offer));
    });
  }

  #onInfo(request: SrfRequest, response: SrfResponse): void {
    const { log } = this.#context;
    const body = request.body ?? '';
    const key = dtmfOfInfo(request.get('Content-Type'), body);
    if (key === 'unsupported' && body !== '') {
      reply(log, response, 415, null, { headers: { Accept: 'application/dtmf-relay, application/dtmf' } });
      return;
    }
    reply(log, response, 200);
    const digit = key === 'unsupported' ? null : key.digit;
    if (digit !== null) this.#deliver((events) => events.onDtmf(digit));
  }

  #onRefer(request: SrfRequest, response: SrfResponse): void {
    // Event carries an id from the second REFER of a dialog on (RFC 3515 section 2.4.6).
    const id = this.#refers++ === 0 ? null : cseqNumber(request);
    this.#deliver((events) => {
      const dialog = {
        log: this.#context.log,
        notify: (fields: Headers, body: string) => this.request('NOTIFY', fields, body),
        ask: (refer: Parameters<DialogEvents['onRefer']>[0]) => events.onRefer(refer),
      };
      detached(this.#context.log, 'REFER', handleRefer(dialog, id, request, response));
    });
  }

  #onMessage(response: SrfResponse): void {
    reply(this.#context.log, response, 405, null, {
      headers: { Allow: 'INVITE, ACK, BYE, INFO, UPDATE, REFER, NOTIFY' },
    });
  }

  /** The offer of a re-INVITE or UPDATE; null where that has been refused. */
  #admit(request: SrfRequest, response: SrfResponse): { readonly offer: string | null } | null {
    const { log } = this.#context;
    const description = sessionDescription(request);
    if (this.#state === 'ended') reply(log, response, 481);
    else if (description === 'unsupported') reply(log, response, 415, null, { headers: { Accept: 'application/sdp' } });
    else if (this.#exchange === 'ours') reply(log, response, 491);
    else if (this.#exchange === 'theirs') {
      reply(log, response, 500, null, { headers: { 'Retry-After': `${1 + Math.floor(Math.random() * 9)}` } });
    } else return { offer: description.sdp };
    return null;
  }

  async #answer(events: DialogEvents, request: SrfRequest, response: SrfResponse, offer: string | null): Promise<void> {
    const { log } = this.#context;
    try {
      const sdp = offer === null ? await events.onOfferRequest() : await events.onOffer(offer);
      if (this.#state === 'ended') {
        await respond(log, response, 487, null);
        return;
      }
      const invite = request.method === 'INVITE';
      const acked = invite ? this.acknowledged(cseqNumber(request)) : Promise.resolve(null);
      acked.catch(() => undefined); // awaited below; the dialog may end before
      const headers: Headers = { 'Content-Type': 'application/sdp' };
      if (this.#dialog.local.contact !== undefined) headers['Contact'] = this.#dialog.local.contact;
      if (!(await respond(log, response, 200, null, { headers, body: sdp }))) return;
      if (offer !== null) this.#remoteSdp = offer;
      const answer = await acked;
      if (offer === null && answer !== null) await events.onAnswer(answer);
      else if (offer === null) this.#brokenDialog(488);
    } catch (error) {
      this.#refuseOffer(error, response);
    } finally {
      this.#idle();
    }
  }

  #refuseOffer(error: unknown, response: SrfResponse): void {
    if (this.#state === 'ended' && response.finalResponseSent) return;
    const { log } = this.#context;
    if (!(error instanceof LegFailure)) log('error', `offer in dialog: ${errorText(error)}`);
    if (response.finalResponseSent) return;
    const failure = error instanceof LegFailure ? sendable(error.status, error.reason) : sendable(500, '');
    reply(log, response, failure.status, failure.reason);
  }

  async #offer(localSdp: string): Promise<SrfResponse> {
    while (this.#exchange !== 'idle')
      await this.#wait<undefined>((resolve) => this.#onIdle.push(() => resolve(undefined)));
    this.#exchange = 'ours';
    try {
      return await this.#send('INVITE', { 'Content-Type': 'application/sdp' }, localSdp);
    } finally {
      this.#idle();
    }
  }

  #idle(): void {
    this.#exchange = 'idle';
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resume of waiting) resume();
  }

  #send(method: string, headers: Headers, body: string | undefined): Promise<SrfResponse> {
    if (method === 'INVITE' && this.#dialog.local.contact !== undefined)
      headers['Contact'] = this.#dialog.local.contact;
    const options = { method, headers, stackDialogId: this.#dialog.id, ...(body === undefined ? {} : { body }) };
    return this.#wait<SrfResponse>((resolve, reject) => {
      this.#srf.request('sip:placeholder', options, (error, request) => {
        if (request === undefined) {
          reject(requestFailure(error));
          return;
        }
        request.on('update', (update, response) => this.#onUpdate(update, response));
        request.on('response', (response, acknowledge) => {
          if (response.status < 200) return;
          if (method === 'INVITE' && response.status < 300) acknowledge();
          resolve(response);
        });
      });
    });
  }

  /** A promise that is also rejected when the dialog ends. */
  #wait<T>(begin: (resolve: (value: T) => void, reject: (error: LegFailure) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#state === 'ended') {
        reject(new LegFailure(481, 'The dialog has ended'));
        return;
      }
      const fail = (error: LegFailure): void => {
        this.#waiting.delete(fail);
        reject(error);
      };
      this.#waiting.add(fail);
      try {
        begin((value) => {
          this.#waiting.delete(fail);
          resolve(value);
        }, fail);
      } catch (error) {
        fail(requestFailure(error));
      }
    });
  }

  async #pause(ms: number): Promise<void> {
    let cancel: () => void = () => undefined;
    try {
      await this.#wait<undefined>((resolve) => {
        cancel = this.#context.clock.after(ms, () => resolve(undefined));
      });
    } finally {
      cancel();
    }
  }

  #deliver(event: (events: DialogEvents) => void): void {
    if (this.#state === 'ended') return;
    if (this.#events === null) this.#early.push(event);
    else event(this.#events);
  }

  #onAck(ack: SipMessage): void {
    const cseq = cseqNumber(ack);
    const resolve = this.#acks.get(cseq);
    this.#acks.delete(cseq);
    resolve?.(ack);
  }

  /** The peer does not know this dialog any more, or broke the exchange: it is ended on both sides. */
  #brokenDialog(status: number): void {
    if (this.#state === 'ended') return;
    this.#lost(`dialog lost (${status})`);
    detached(this.#context.log, 'BYE', this.#bye('dialog lost'));
  }

  #lost(reason: string, signallingLost = false): void {
    if (this.#state === 'ended') return;
    this.#end(reason);
    if (this.#events === null) this.#early.push((events) => events.onBye(reason, signallingLost));
    else this.#events.onBye(reason, signallingLost);
  }

  #end(reason: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#forget();
    this.#acks.clear();
    for (const fail of [...this.#waiting]) fail(new LegFailure(481, reason));
  }

  #bye(reason: string | undefined): Promise<void> {
    return new Promise((resolve) => {
      const forget = this.#context.loss.add(() => {
        this.#context.orphaned(this.#dialog.id);
        resolve();
      });
      const done = (): void => {
        forget();
        resolve();
      };
      try {
        this.#dialog.destroy({ headers: reason === undefined ? {} : { Reason: reasonHeader(reason) } }, done);
      } catch (error) {
        this.#context.log('debug', `BYE not sent: ${errorText(error)}`);
        done();
      }
    });
  }
}

function cseqNumber(message: SipMessage): number {
  return Number.parseInt(message.get('CSeq') ?? '', 10);
}

function requestFailure(error: unknown): LegFailure {
  const text = errorText(error);
  return /unable to find dialog/i.test(text) ? new LegFailure(481, text) : new LegFailure(503, text);
}

/** ms until a refused re-INVITE is tried again; null where it is not to be (RFC 3261 section 14.1). */
function retryDelay(response: SrfResponse, caller: boolean): number | null {
  if (response.status === 491) {
    return caller ? 2100 + Math.floor(Math.random() * 190) * 10 : Math.floor(Math.random() * 200) * 10;
  }
  const after = Number.parseInt(response.get('Retry-After') ?? '', 10);
  if (response.status === 500 && after >= 0 && after <= MAX_RETRY_AFTER) return Math.max(after, 1) * 1000;
  return null;
}
