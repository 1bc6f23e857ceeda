/** A 2xx of ours to an INVITE, sent again until its ACK comes (RFC 3261 13.3.1.4). */
import { acceptedNext } from '../dialog/accepted.ts';
import type { AcceptedEvent, AcceptedState } from '../dialog/accepted.ts';
import { Timers } from '../transaction/clock.ts';
import type { Clock } from '../transaction/clock.ts';
import { TIMEOUT, retransmitMs } from '../transaction/timing.ts';

export interface AcceptedInit {
  readonly clock: Clock;
  /** The transaction that its ACK is told under. */
  readonly transaction: string;
  /** The peer's tag. */
  readonly remoteTag: string;
  readonly resend: () => void;
  readonly expired: () => void;
}

export class Accepted {
  readonly transaction: string;
  readonly remoteTag: string;
  /** Run once the ACK is there or will not come: what must not overtake it (BYE, 15.1.1). */
  readonly after: (() => void)[] = [];
  readonly #init: AcceptedInit;
  readonly #timers: Timers<'interval' | 'timeout'>;
  #state: AcceptedState = 'waiting';
  #sent = 0;

  constructor(init: AcceptedInit) {
    this.#init = init;
    this.transaction = init.transaction;
    this.remoteTag = init.remoteTag;
    this.#timers = new Timers(init.clock);
    this.#timers.set('timeout', TIMEOUT, () => this.#feed('timeout'));
    this.#again();
  }

  /** False for a repeated ACK. */
  acknowledge(): boolean {
    return this.#feed('ack');
  }

  #feed(event: AcceptedEvent): boolean {
    const next = acceptedNext(this.#state, event);
    if (next === undefined) return false;
    this.#state = next;
    if (next === 'waiting') {
      this.#init.resend();
      this.#again();
      return true;
    }
    this.stop();
    if (next === 'expired') this.#init.expired();
    for (const run of this.after.splice(0)) run();
    return true;
  }

  #again(): void {
    this.#timers.set('interval', retransmitMs(this.#sent++), () => this.#feed('interval'));
  }

  stop(): void {
    this.#timers.clearAll();
  }
}
