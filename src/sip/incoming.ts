/**
 * An INVITE that has passed authentication, until it is answered, refused or given up (RFC 3261 section 13.3).
 *
 *   offered -> answering -> answered
 *   offered, answering -> ended          by CANCEL, reject() or loss of the control connection
 */
import { LegFailure, type CallSource, type Dialog, type IncomingCall, type ReplacedDialog } from '../control/ports.ts';
import { ALLOW, guarded, reply, SUPPORTED, type SipContext } from './context.ts';
import { SipDialog } from './dialog.ts';
import type { Headers, SrfApp, SrfDialog, SrfRequest, SrfResponse } from './srf.ts';
import { errorText } from './srf.ts';
import { sendable } from './status.ts';
import { normaliseAddress } from './uri.ts';

export interface IncomingFacts {
  readonly source: CallSource;
  readonly from: { readonly number: string; readonly name: string };
  readonly dialled: string;
  readonly offer: string | null;
  readonly replaces: ReplacedDialog | null;
  /** The caller wants provisional answers reliably (RFC 3262). */
  readonly reliable: boolean;
}

/** Proxies on the way give up a call that is silent for three minutes (section 13.3.1.1). */
const REPEAT_PROGRESS = 60_000;

export class SipIncomingCall implements IncomingCall {
  readonly source: CallSource;
  readonly from: { readonly number: string; readonly name: string };
  readonly dialled: string;
  readonly offer: string | null;
  readonly replaces: ReplacedDialog | null;
  readonly remoteAddress: string;
  readonly sipCallId: string;
  readonly #context: SipContext;
  readonly #srf: SrfApp;
  readonly #request: SrfRequest;
  readonly #response: SrfResponse;
  readonly #reliable: boolean;
  #state: 'offered' | 'answering' | 'answered' | 'ended' = 'offered';
  #cancelled: { readonly signallingLost: boolean } | null = null;
  #onCancel: ((signallingLost: boolean) => void)[] = [];
  #cancelRepeat: (() => void) | null = null;
  #failAnswer: ((failure: LegFailure) => void) | null = null;
  readonly #forget: () => void;

  constructor(context: SipContext, srf: SrfApp, request: SrfRequest, response: SrfResponse, facts: IncomingFacts) {
    this.#context = context;
    this.#srf = srf;
    this.#request = request;
    this.#response = response;
    this.#reliable = facts.reliable;
    this.source = facts.source;
    this.from = facts.from;
    this.dialled = facts.dialled;
    this.offer = facts.offer;
    this.replaces = facts.replaces;
    this.remoteAddress = normaliseAddress(request.source_address);
    this.sipCallId = request.get('Call-ID') ?? '';
    request.on('cancel', () =>
      guarded(context.log, 'CANCEL', () => this.#giveUp(new LegFailure(487, 'Request Terminated'), false)),
    );
    this.#forget = context.loss.add(() => {
      this.#giveUp(new LegFailure(503, 'The connection to the SIP server was lost'), true);
    });
  }

  progress(status: 180 | 183, sdp?: string): void {
    if (this.#state !== 'offered') return;
    const headers: Headers = { Allow: ALLOW };
    if (sdp !== undefined) headers['Content-Type'] = 'application/sdp';
    if (this.#reliable) headers['Require'] = '100rel';
    const send = (): void => {
      reply(this.#context.log, this.#response, status, null, { headers, ...(sdp === undefined ? {} : { body: sdp }) });
      this.#cancelRepeat = this.#context.clock.after(REPEAT_PROGRESS, send);
    };
    this.#cancelRepeat?.();
    send();
  }

  async answer(localSdp: string): Promise<Dialog> {
    if (this.#cancelled !== null) throw new LegFailure(487, 'Request Terminated');
    if (this.#state !== 'offered') throw new LegFailure(500, 'This call is answered or refused already');
    this.#become('answering');
    const dialog = await this.#send200(localSdp);
    let acked: string | null;
    try {
      acked = await dialog.acknowledged(Number.parseInt(this.#request.get('CSeq') ?? '', 10));
    } catch (error) {
      throw new LegFailure(408, `No ACK: ${errorText(error)}`);
    }
    if (this.offer === null && acked === null) {
      await dialog.hangup('no session description in ACK');
      throw new LegFailure(488, 'No session description in ACK');
    }
    return dialog;
  }

  reject(status: number, reason: string): void {
    if (this.#state !== 'offered') return;
    this.#become('ended');
    const failure = sendable(status, reason);
    const headers: Headers = failure.status === 503 ? { 'Retry-After': '10' } : {};
    reply(this.#context.log, this.#response, failure.status, failure.reason, { headers });
  }

  onCancel(listener: (signallingLost: boolean) => void): void {
    if (this.#cancelled !== null) listener(this.#cancelled.signallingLost);
    else this.#onCancel.push(listener);
  }

  #become(state: 'answering' | 'answered' | 'ended'): void {
    this.#state = state;
    this.#cancelRepeat?.();
    this.#cancelRepeat = null;
    if (state !== 'answering') this.#forget();
  }

  #giveUp(failure: LegFailure, signallingLost: boolean): void {
    if (this.#state === 'answered' || this.#state === 'ended') return;
    this.#become('ended');
    this.#cancelled = { signallingLost };
    this.#failAnswer?.(failure);
    const listeners = this.#onCancel;
    this.#onCancel = [];
    for (const listener of listeners) guarded(this.#context.log, 'onCancel', () => listener(signallingLost));
  }

  #send200(localSdp: string): Promise<SipDialog> {
    return new Promise((resolve, reject) => {
      this.#failAnswer = reject;
      const headers = { 'Content-Type': 'application/sdp', Allow: ALLOW, Supported: SUPPORTED };
      const done = (error: unknown, dialog?: SrfDialog): void => {
        if (dialog !== undefined) resolve(this.#stands(dialog));
        else if (this.#state === 'answering') {
          this.#become('ended');
          reject(new LegFailure(500, `200 not sent: ${errorText(error)}`));
        }
      };
      try {
        this.#srf.createUAS(this.#request, this.#response, { localSdp, headers }, done);
      } catch (error) {
        done(error);
      }
    });
  }

  /** Listens on the dialog at once: its ACK or BYE may be in the same read from the server. */
  #stands(srfDialog: SrfDialog): SipDialog {
    const dialog = new SipDialog(this.#context, srfDialog, {
      srf: this.#srf,
      remoteSdp: this.offer ?? '',
      remoteAddress: this.remoteAddress,
      caller: false,
    });
    if (this.#state === 'answering') this.#become('answered');
    return dialog;
  }
}
