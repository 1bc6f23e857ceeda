/** One branch of a proxied request: its client transaction, its timeouts, its CANCEL. */
import { serialize } from '../message/serialize.ts';
import { responseTo } from '../message/response.ts';
import { newTag } from '../message/ids.ts';
import { prependHeader } from '../message/headers.ts';
import type { SipRequest, SipResponse } from '../message/types.ts';
import { cancelOf } from '../transaction/client-transaction.ts';
import type { ClientTransaction } from '../transaction/client-transaction.ts';
import { Timers } from '../transaction/clock.ts';
import { TIMEOUT, TIMER_C } from '../transaction/timing.ts';
import type { Flow } from '../transport/types.ts';
import type { Context } from './context.ts';
import { pooledRandom } from '../transaction/random.ts';

export interface BranchOptions {
  readonly provisionalTimeout: number | undefined;
  readonly finalTimeout: number | undefined;
}

export interface BranchEvents {
  provisional(response: SipResponse): void;
  /** A final response; of an INVITE every 2xx. */
  final(response: SipResponse, octets: Buffer, flow: Flow): void;
  /** There will be none that counts: 408, 503. */
  gaveUp(status: number): void;
}

export class ProxyBranch {
  readonly #context: Context;
  readonly #options: BranchOptions;
  readonly #events: BranchEvents;
  readonly #timers: Timers<'provisional' | 'final' | 'C' | 'cancel' | 'late'>;
  #request: SipRequest | undefined;
  #flow: Flow | undefined;
  #transaction: ClientTransaction | undefined;
  #ringing = false;
  #over = false;
  #cancelled = false;

  constructor(context: Context, options: BranchOptions, events: BranchEvents) {
    this.#context = context;
    this.#options = options;
    this.#events = events;
    this.#timers = new Timers(context.clock);
  }

  get over(): boolean {
    return this.#over;
  }

  send(request: SipRequest, flow: Flow): void {
    this.#request = request;
    this.#flow = flow;
    const { provisionalTimeout, finalTimeout } = this.#options;
    this.#transaction = this.#context.layer.send(request, flow, {
      response: (response, received) => this.#response(response, received.flow),
      failed: (reason) => this.fail(reason === 'timeout' ? 408 : 503),
    });
    if (provisionalTimeout !== undefined) this.#timers.set('provisional', provisionalTimeout, () => this.#timeUp());
    if (finalTimeout !== undefined) this.#timers.set('final', finalTimeout, () => this.#timeUp());
    if (request.method === 'INVITE') this.#timers.set('C', TIMER_C, () => this.#timeUp());
  }

  #response(response: SipResponse, flow: Flow): void {
    if (response.status < 200) {
      if (this.#over) return;
      this.#ringing = true;
      this.#timers.clear('provisional');
      if (this.#request?.method === 'INVITE') this.#timers.set('C', TIMER_C, () => this.#timeUp());
      if (this.#cancelled) this.#sendCancel();
      this.#events.provisional(response);
      return;
    }
    // a 2xx counts even after all has been settled: its call stands
    if (this.#over && response.status >= 300) return;
    this.#finish();
    this.#events.final(response, serialize(response), flow);
  }

  /** No answer in time: cancelled, and no longer waited for. */
  #timeUp(): void {
    if (this.#over) return;
    this.cancel();
    this.fail(408);
  }

  fail(status: number): void {
    if (this.#over) return;
    this.#finish();
    const transaction = this.#transaction;
    if (transaction && !transaction.over) this.#timers.set('late', TIMEOUT, () => transaction.abandon());
    this.#events.gaveUp(status);
  }

  /** 9.1: held until a provisional response has come. */
  cancel(): void {
    if (this.#cancelled || this.#over) return;
    this.#cancelled = true;
    if (this.#request === undefined) this.fail(487);
    else if (this.#request.method === 'INVITE' && this.#ringing) this.#sendCancel();
  }

  #sendCancel(): void {
    if (this.#request === undefined || this.#flow === undefined || this.#timers.has('cancel')) return;
    const ignore = { response: () => undefined, failed: () => undefined };
    this.#context.layer.send(cancelOf(this.#request), this.#flow, ignore);
    this.#timers.set('cancel', TIMEOUT, () => this.fail(408));
  }

  #finish(): void {
    this.#over = true;
    this.#timers.clearAll();
  }

  /** A response for the one upstream, made here; with a Via on top that is taken off again on its way. */
  local(request: SipRequest, status: number): SipResponse {
    return prependHeader(responseTo(request, status, { toTag: newTag(pooledRandom) }), 'Via', 'SIP/2.0/UDP localhost');
  }
}
