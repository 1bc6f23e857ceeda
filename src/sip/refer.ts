/**
 * REFER inside a dialog: a phone transfers its call (RFC 3515; without subscription RFC 4488; Replaces RFC 3891). The
 * progress goes back as NOTIFYs, one after the other, the first at once.
 */
import { LegFailure, type ReferRequest, type ReplacedDialog } from '../control/ports.ts';
import { sipFragment } from './body.ts';
import { detached, respond } from './context.ts';
import { errorText, type Headers, type Log, type SrfRequest, type SrfResponse } from './srf.ts';
import { sendable } from './status.ts';
import { parseNameAddr, splitOutside } from './uri.ts';

export interface ReferTarget {
  readonly to: string;
  readonly replaces: ReplacedDialog | null;
}

/** Call-ID and tags of a Replaces value; null where it is malformed. */
export function parseReplaces(value: string): ReplacedDialog | null {
  const [callId = '', ...params] = value.split(';');
  const tags = new Map<string, string>();
  for (const param of params) {
    const at = param.indexOf('=');
    tags.set((at < 0 ? param : param.slice(0, at)).trim().toLowerCase(), at < 0 ? '' : param.slice(at + 1).trim());
  }
  const toTag = tags.get('to-tag') ?? '';
  const fromTag = tags.get('from-tag') ?? '';
  if (callId.trim() === '' || toTag === '' || fromTag === '') return null;
  return { callId: callId.trim(), toTag, fromTag, ...(tags.has('early-only') ? { earlyOnly: true } : {}) };
}

/** Where a Refer-To leads; null where it is missing, manifold, malformed, or not a call. */
export function parseReferTo(header: string | undefined): ReferTarget | null {
  if (header === undefined || splitOutside(header, ',').length !== 1) return null;
  const uri = parseNameAddr(header)?.uri ?? null;
  if (uri === null || (uri.params.get('method') ?? 'INVITE').toUpperCase() !== 'INVITE') return null;
  const wanted = uri.headers.get('replaces');
  const replaces = wanted === undefined ? null : parseReplaces(wanted);
  if (wanted !== undefined && replaces === null) return null;
  // With Replaces the dialog says who is meant; the user may be missing.
  return uri.user === '' && replaces === null ? null : { to: uri.user, replaces };
}

export interface ReferDialog {
  readonly log: Log;
  /** Sends a request in the dialog; resolves with the status, rejects where the dialog has gone. */
  notify(headers: Headers, body: string): Promise<number>;
  /** Asks the owner of the dialog. */
  ask(refer: ReferRequest): Promise<void>;
}

const SUBSCRIPTION_SECONDS = 180;

/** Answers a REFER: 202 and NOTIFYs, or the refusal that the owner threw. `id` is null for the first of the dialog. */
export async function handleRefer(
  dialog: ReferDialog,
  id: number | null,
  request: SrfRequest,
  response: SrfResponse,
): Promise<void> {
  const target = parseReferTo(request.get('Refer-To'));
  if (target === null) {
    await respond(dialog.log, response, 400, 'Bad Refer-To');
    return;
  }
  const silent = (request.get('Refer-Sub') ?? '').trim().toLowerCase().startsWith('false');
  const progress = new TransferProgress(dialog, id, silent);
  try {
    await dialog.ask({ ...target, progress: (status, reason, final) => progress.report(status, reason, final) });
  } catch (error) {
    const failure =
      error instanceof LegFailure ? sendable(error.status, error.reason) : sendable(500, 'Server Internal Error');
    if (!(error instanceof LegFailure)) dialog.log('error', `REFER: ${errorText(error)}`);
    progress.drop();
    await respond(dialog.log, response, failure.status, failure.reason);
    return;
  }
  const sent = await respond(dialog.log, response, 202, null, { headers: silent ? { 'Refer-Sub': 'false' } : {} });
  if (sent) progress.accepted();
  else progress.drop();
}

interface Report {
  readonly status: number;
  readonly reason: string;
  readonly final: boolean;
}

/** Reports wait until the REFER is accepted, then leave one by one. */
class TransferProgress {
  readonly #dialog: ReferDialog;
  readonly #event: string;
  #reports: Report[] = [];
  #state: 'held' | 'idle' | 'sending' | 'ended' = 'held';

  constructor(dialog: ReferDialog, id: number | null, silent: boolean) {
    this.#dialog = dialog;
    this.#event = id === null ? 'refer' : `refer;id=${id}`;
    if (silent) this.#state = 'ended';
  }

  report(status: number, reason: string, final: boolean): void {
    if (this.#state === 'ended') return;
    this.#reports.push({ status, reason, final });
    this.#pump();
  }

  accepted(): void {
    if (this.#state !== 'held') return;
    this.#state = 'idle';
    // RFC 3515 section 2.4.4: a NOTIFY follows at once.
    if (this.#reports[0]?.status !== 100) this.#reports.unshift({ status: 100, reason: 'Trying', final: false });
    this.#pump();
  }

  drop(): void {
    this.#state = 'ended';
    this.#reports = [];
  }

  #pump(): void {
    if (this.#state !== 'idle') return;
    const report = this.#reports.shift();
    if (report === undefined) return;
    this.#state = 'sending';
    detached(this.#dialog.log, 'NOTIFY of a transfer', this.#send(report));
  }

  async #send(report: Report): Promise<void> {
    const subscription = report.final ? 'terminated;reason=noresource' : `active;expires=${SUBSCRIPTION_SECONDS}`;
    let status: number;
    try {
      status = await this.#dialog.notify(
        {
          Event: this.#event,
          'Subscription-State': subscription,
          'Content-Type': 'message/sipfrag;version=2.0',
        },
        sipFragment(report.status, report.reason),
      );
    } catch (error) {
      this.#dialog.log('debug', `NOTIFY of a transfer: ${errorText(error)}`);
      status = 481;
    }
    // 481: the transferor does not want to know any more.
    if (report.final || status === 481) this.drop();
    else this.#state = 'idle';
    this.#pump();
  }
}
