/** The durations of RFC 3261 table 4 and RFC 6026, in ms. */

/** Round-trip estimate. */
export const T1 = 500;
/** Longest interval between retransmissions of non-INVITE requests and INVITE responses. */
export const T2 = 4000;
/** How long a message stays in the network. */
export const T4 = 5000;
export const TIMEOUT = 64 * T1;
/** A client INVITE without a final response (16.6 step 11: more than 3 minutes). */
export const TIMER_C = 185_000;

export type TimerName = 'A' | 'B' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'J' | 'K' | 'L' | 'M';

/**
 * What timer `name` runs when it is set for the `nth` time (0 first): undefined where it is not used, because the
 * transport delivers reliably; 0 where the state it guards is left at once for the same reason.
 */
export function timerMs(name: TimerName, reliable: boolean, nth: number): number | undefined {
  switch (name) {
    case 'A':
      return reliable ? undefined : T1 * 2 ** nth;
    case 'E':
    case 'G':
      return reliable ? undefined : Math.min(T1 * 2 ** nth, T2);
    case 'B':
    case 'F':
    case 'H':
    case 'L':
    case 'M':
      return TIMEOUT;
    case 'D':
      return reliable ? 0 : 32_000;
    case 'I':
    case 'K':
      return reliable ? 0 : T4;
    case 'J':
      return reliable ? 0 : TIMEOUT;
  }
}

/** The nth wait (0 first) between two retransmissions of a 2xx to INVITE or of a reliable provisional response. */
export function retransmitMs(nth: number, longest: number = T2): number {
  return Math.min(T1 * 2 ** nth, longest);
}
