/**
 * Reliable provisional responses of one INVITE, as the one who answers (RFC 3262 section 3). At most one is on its way;
 * further ones wait for its PRACK, and so does a 2xx where the one on its way has a body (section 5). Pure: the driver
 * retransmits what is outstanding and gives up after 64 T1.
 */
import type { RAck } from '../message/types.ts';

export interface Reliable<Response> {
  /** RSeq of the next one. */
  readonly next: number;
  readonly outstanding: { readonly rseq: number; readonly hasBody: boolean } | undefined;
  readonly waiting: readonly Response[];
}

export interface Step<Response> {
  readonly state: Reliable<Response>;
  /** To be sent now, in this order. `rseq` undefined: it is no reliable response. */
  readonly send: readonly { readonly response: Response; readonly rseq: number | undefined }[];
}

/** What is known of a response here. */
export interface Traits {
  readonly reliable: boolean;
  readonly final: boolean;
  readonly success: boolean;
  readonly hasBody: boolean;
}

/** `first` is chosen at random from 1 to 2^31 - 1. */
export function reliableStart<Response>(first: number): Reliable<Response> {
  return { next: first, outstanding: undefined, waiting: [] };
}

/** The application wants to send a response. */
export function offer<R>(state: Reliable<R>, response: R, traits: (response: R) => Traits): Step<R> {
  return drain({ ...state, waiting: [...state.waiting, response] }, traits);
}

/** A PRACK: undefined if it acknowledges nothing that is outstanding (answer 481). */
export function acknowledge<R>(
  state: Reliable<R>,
  rack: RAck,
  inviteCSeq: number,
  traits: (response: R) => Traits,
): Step<R> | undefined {
  if (rack.rseq !== state.outstanding?.rseq || rack.cseq !== inviteCSeq || rack.method !== 'INVITE') return undefined;
  return drain({ ...state, outstanding: undefined }, traits);
}

function drain<R>(from: Reliable<R>, traits: (response: R) => Traits): Step<R> {
  let state = from;
  const send: { response: R; rseq: number | undefined }[] = [];
  for (;;) {
    const response = state.waiting[0];
    if (response === undefined) return { state, send };
    const is = traits(response);
    if (state.outstanding !== undefined && mustWait(is, state.outstanding.hasBody)) return { state, send };
    const waiting = state.waiting.slice(1);
    if (is.reliable && !is.final) {
      send.push({ response, rseq: state.next });
      state = { next: state.next + 1, outstanding: { rseq: state.next, hasBody: is.hasBody }, waiting };
    } else {
      send.push({ response, rseq: undefined });
      state = { ...state, waiting };
    }
  }
}

/** Failures pass at once; unreliable provisional responses keep their place behind reliable ones. */
function mustWait(is: Traits, outstandingHasBody: boolean): boolean {
  if (is.final) return is.success && outstandingHasBody;
  return is.reliable;
}
