/**
 * A 2xx of ours to an INVITE until its ACK (RFC 3261 13.3.1.4): sent again from T1 to T2, over any transport, for 64 T1.
 *
 * ```
 * waiting -> acknowledged
 *    \-----> expired        (BYE, as 13.3.1.4 wants it)
 * ```
 */
export type AcceptedState = 'waiting' | 'acknowledged' | 'expired';
export type AcceptedEvent = 'ack' | 'interval' | 'timeout';

const NEXT: Readonly<Record<AcceptedState, Readonly<Partial<Record<AcceptedEvent, AcceptedState>>>>> = {
  waiting: { ack: 'acknowledged', interval: 'waiting', timeout: 'expired' },
  acknowledged: {},
  expired: {},
};

/** The next state; undefined if the event changes nothing (a repeated ACK). */
export function acceptedNext(state: AcceptedState, event: AcceptedEvent): AcceptedState | undefined {
  return NEXT[state][event];
}
