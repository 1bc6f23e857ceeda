/**
 * Calls that we place: one INVITE to each of some targets at once; the first to answer wins, the others are cancelled, and
 * a 200 that lost the race is acknowledged and hung up (RFC 3261 sections 13.2.2.4, 16.7).
 *
 *   branch: sending -> sent -> ended        cancel() is held until the INVITE has been sent
 *              ^         |  once, where the server holds a closed connection for the target and can forget it
 *              +---------+
 */
import { LegFailure, type Dialog } from '../control/ports.ts';
import { sessionDescription } from './body.ts';
import { ALLOW, SUPPORTED, USER_AGENT, detached, guarded, type SipContext } from './context.ts';
import { SipDialog } from './dialog.ts';
import type { Forget } from './forget.ts';
import type { Headers, SrfApp, SrfDialog, SrfRequest, SrfResponse, UacOptions } from './srf.ts';
import { errorText, isConnectionClosed, isUnreachable } from './srf.ts';
import { bestFailure, type Failure } from './status.ts';
import { normaliseAddress } from './uri.ts';

export interface CallTarget {
  readonly uri: string;
  readonly proxy: string | null;
  /** The offer that this phone can take. */
  readonly localSdp: string;
  readonly forget?: Forget | null;
  readonly auth?: { username: string; password: string };
  /** The target is reached over a connection that it has made to us, and that has gone. */
  readonly onUnreachable?: () => void;
}

export interface CallOptions {
  readonly targets: readonly CallTarget[];
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly onProgress: (status: number, sdp: string | null) => void;
}

const ANSWERED_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"';

/** Resolves with the dialog of the first to answer; rejects with the one failure that all came to. */
export function placeCall(context: SipContext, options: CallOptions): Promise<Dialog> {
  return new Promise((resolve, reject) => {
    const srf = context.srf();
    if (options.signal.aborted) {
      reject(new LegFailure(487, 'Cancelled'));
      return;
    }
    if (srf === null) {
      reject(new LegFailure(503, 'No connection to the SIP server'));
      return;
    }
    const failures: Failure[] = [];
    let settled = false;
    let branches: Branch[] = [];
    const settle = (reason: string | null): boolean => {
      if (settled) return false;
      settled = true;
      options.signal.removeEventListener('abort', onAbort);
      forget();
      for (const branch of branches) branch.cancel(reason);
      return true;
    };
    const fail = (failure: Failure): void => {
      if (settle(null)) reject(new LegFailure(failure.status, failure.reason));
    };
    const onAbort = (): void => fail({ status: 487, reason: 'Cancelled' });
    const forget = context.loss.add(() => fail({ status: 503, reason: 'The connection to the SIP server was lost' }));
    options.signal.addEventListener('abort', onAbort);
    if (options.targets.length === 0) {
      fail(bestFailure([]));
      return;
    }
    const forked = options.targets.length > 1;
    branches = options.targets.map(
      (target) =>
        new Branch(context, srf, target, options, {
          progress: (status, sdp) => {
            // Early media of several phones at once would be nobody's.
            if (!settled) options.onProgress(status, forked ? null : sdp);
          },
          answered: (dialog) => {
            if (!settle(ANSWERED_ELSEWHERE)) return false;
            resolve(dialog);
            return true;
          },
          failed: (failure) => {
            failures.push(failure);
            if (failure.status >= 600) fail(failure);
            else if (failures.length === options.targets.length) fail(bestFailure(failures));
          },
        }),
    );
    for (const branch of branches) branch.send();
  });
}

interface BranchOwner {
  progress(status: number, sdp: string | null): void;
  /** False: the race is lost, or the caller has gone; the dialog is hung up. */
  answered(dialog: SipDialog): boolean;
  failed(failure: Failure): void;
}

class Branch {
  readonly #context: SipContext;
  readonly #srf: SrfApp;
  readonly #target: CallTarget;
  readonly #options: CallOptions;
  readonly #owner: BranchOwner;
  #state: 'new' | 'sending' | 'sent' | 'ended' = 'new';
  #forget: Forget | null;
  #request: SrfRequest | null = null;
  #cancelled: { reason: string | null } | null = null;
  #earlySdp: string | null = null;
  #final: SrfResponse | null = null;

  constructor(context: SipContext, srf: SrfApp, target: CallTarget, options: CallOptions, owner: BranchOwner) {
    this.#context = context;
    this.#srf = srf;
    this.#target = target;
    this.#forget = target.forget ?? null;
    this.#options = options;
    this.#owner = owner;
  }

  send(): void {
    if (this.#cancelled !== null) return;
    this.#state = 'sending';
    const { uri, proxy, auth, localSdp } = this.#target;
    const headers = { ...this.#options.headers, Allow: ALLOW, Supported: SUPPORTED_OUT, 'User-Agent': USER_AGENT };
    const options: UacOptions = { headers, localSdp };
    if (proxy !== null) options.proxy = proxy;
    if (auth !== undefined) options.auth = auth;
    try {
      this.#srf.createUAC(
        uri,
        options,
        {
          cbRequest: (_error, request) => this.#sent(request),
          cbProvisional: (response) => guarded(this.#context.log, 'provisional', () => this.#provisional(response)),
        },
        (error, dialog) => guarded(this.#context.log, 'final response', () => this.#done(error, dialog)),
      );
    } catch (error) {
      this.#done(error, undefined);
    }
  }

  /** Idempotent; does nothing once the branch has ended. `reason` is a Reason header. */
  cancel(reason: string | null): void {
    if (this.#state === 'ended' || this.#cancelled !== null) return;
    this.#cancelled = { reason };
    if (this.#state === 'sent') this.#sendCancel(reason);
  }

  #sent(request: SrfRequest | undefined): void {
    if (request === undefined || this.#state === 'ended') return;
    this.#request = request;
    this.#state = 'sent';
    request.on('response', (response) => {
      if (response.status >= 200) this.#final = response;
    });
    if (this.#cancelled !== null) this.#sendCancel(this.#cancelled.reason);
  }

  #sendCancel(reason: string | null): void {
    const { log } = this.#context;
    guarded(log, 'CANCEL', () => {
      this.#request?.cancel(reason === null ? {} : { headers: { Reason: reason } }, (error) => {
        if (error !== null && error !== undefined) log('debug', `CANCEL not sent: ${errorText(error)}`);
      });
    });
  }

  #provisional(response: SrfResponse): void {
    if (this.#state !== 'sent' || this.#cancelled !== null || response.status <= 100) return;
    const description = sessionDescription(response);
    const sdp = description === 'unsupported' ? null : description.sdp;
    this.#earlySdp = sdp ?? this.#earlySdp;
    this.#owner.progress(response.status, sdp);
  }

  #done(error: unknown, dialog: SrfDialog | undefined): void {
    if (this.#state === 'ended') return;
    if (dialog === undefined && this.#triesAgain(error)) return;
    this.#state = 'ended';
    if (dialog !== undefined) {
      this.#answered(dialog);
      return;
    }
    const status = finalStatus(error);
    if (status === null || (this.#final !== null && isUnreachable(this.#final))) this.#target.onUnreachable?.();
    if (status === null || status < 300) {
      this.#broken2xx();
      this.#owner.failed({ status: status === null ? 503 : 500, reason: errorText(error) });
      return;
    }
    this.#owner.failed({ status, reason: this.#final?.reason ?? errorText(error) });
  }

  #triesAgain(error: unknown): boolean {
    const forget = this.#forget;
    const final = this.#final;
    if (forget === null || final === null || !isConnectionClosed(final)) return false;
    this.#forget = null;
    this.#state = 'sending';
    this.#request = null;
    detached(
      this.#context.log,
      'a closed connection',
      forget().then((forgotten) => {
        if (!forgotten || this.#cancelled !== null) {
          this.#done(error, undefined);
          return;
        }
        this.#final = null;
        this.send();
      }),
    );
    return true;
  }

  #answered(srfDialog: SrfDialog): void {
    const description = this.#final === null ? { sdp: null } : sessionDescription(this.#final);
    // A gateway may leave the answer out of the 200 where it was in a 183.
    const remoteSdp = (description === 'unsupported' ? null : description.sdp) ?? this.#earlySdp;
    const dialog = new SipDialog(this.#context, srfDialog, {
      srf: this.#srf,
      remoteSdp: remoteSdp ?? '',
      remoteAddress: normaliseAddress(this.#final?.source_address ?? ''),
      caller: true,
    });
    if (remoteSdp !== null && this.#owner.answered(dialog)) return;
    this.#hangUp(dialog, remoteSdp === null ? 'no session description in 200' : 'answered elsewhere');
    if (remoteSdp === null) this.#owner.failed({ status: 488, reason: 'No session description in 200' });
  }

  #hangUp(dialog: SipDialog, reason: string): void {
    dialog.hangup(reason).catch((error: unknown) => this.#context.log('error', `BYE: ${errorText(error)}`));
  }

  /** A 2xx that drachtio-srf could make no dialog of: it has been acknowledged, so it must be hung up. */
  #broken2xx(): void {
    const final = this.#final;
    if (final === null || final.status >= 300 || final.stackDialogId === undefined) return;
    const { log } = this.#context;
    log('warn', `a ${final.status} without usable Contact; hung up`);
    guarded(log, 'BYE', () => {
      this.#srf.request('sip:placeholder', { method: 'BYE', stackDialogId: final.stackDialogId ?? '' }, (error) => {
        if (error !== null && error !== undefined) log('debug', `BYE not sent: ${errorText(error)}`);
      });
    });
  }
}

/** 100rel is left out: nobody then sends a provisional answer that must be acknowledged. */
const SUPPORTED_OUT = SUPPORTED.replace(', 100rel', '');

function finalStatus(error: unknown): number | null {
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : null;
  return typeof status === 'number' ? status : null;
}
