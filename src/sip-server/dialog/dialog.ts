/**
 * Dialogs of RFC 3261 section 12 as values: every function takes a dialog and gives a new one. No clock, no socket.
 *
 * ```
 * early -> confirmed -> (forgotten)
 *   \------------------^
 * ```
 */
import { SipParseError } from '../message/errors.ts';
import { parseContacts, parseCSeq, parseNameAddr, tagOf } from '../message/fields.ts';
import { header, headerValues } from '../message/headers.ts';
import type { Header, NameAddr, SipMessage, SipRequest, SipResponse } from '../message/types.ts';
import { formatUri } from '../message/uri.ts';

export interface Dialog {
  readonly callId: string;
  readonly localTag: string;
  /** '' where the peer gave none (RFC 2543). */
  readonly remoteTag: string;
  /** The From of our requests, tag included. */
  readonly localParty: string;
  /** The To of our requests, tag included. */
  readonly remoteParty: string;
  /** Route values, first hop first. */
  readonly routeSet: readonly string[];
  /** Request URI of our requests: the peer's Contact. */
  readonly remoteTarget: string;
  /** False: the peer gave no Contact, and `remoteTarget` is only where the first request went. */
  readonly hasContact: boolean;
  /** Of our latest request; the next has one more. */
  readonly localCSeq: number;
  /** Undefined until the peer has sent a request. */
  readonly remoteCSeq: number | undefined;
  readonly state: 'early' | 'confirmed';
}

/** Tag of From or To; undefined if there is none or it cannot be read. */
export function tagIn(message: SipMessage, name: 'from' | 'to'): string | undefined {
  const value = header(message, name);
  if (value === undefined) return undefined;
  try {
    return tagOf(parseNameAddr(value));
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}

/** The URI of the first Contact, if there is one that can be read. */
export function contactUri(message: SipMessage): string | undefined {
  try {
    const contacts = parseContacts(message);
    const first: NameAddr | undefined = contacts === '*' ? undefined : contacts[0];
    return first && formatUri(first.uri);
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}

function cseqNumber(message: SipMessage): number {
  try {
    return parseCSeq(header(message, 'cseq') ?? '').number;
  } catch (error) {
    if (error instanceof SipParseError) return 0;
    throw error;
  }
}

function withTag(party: string, tag: string): string {
  return `${party};tag=${tag}`;
}

/** 12.1.1: as the one who answers `request` with a response that has `localTag`. */
export function dialogAsUas(request: SipRequest, localTag: string, state: Dialog['state']): Dialog {
  const to = header(request, 'to') ?? '';
  const contact = contactUri(request);
  const from = header(request, 'from') ?? '';
  return {
    callId: header(request, 'call-id') ?? '',
    localTag,
    remoteTag: tagIn(request, 'from') ?? '',
    localParty: tagIn(request, 'to') === undefined ? withTag(to, localTag) : to,
    remoteParty: from,
    routeSet: headerValues(request, 'record-route'),
    remoteTarget: contact ?? uriOf(from),
    hasContact: contact !== undefined,
    localCSeq: cseqNumber(request),
    remoteCSeq: cseqNumber(request),
    state,
  };
}

/** 12.1.2: as the one whose `request` got `response`. */
export function dialogAsUac(request: SipRequest, response: SipResponse): Dialog {
  const contact = contactUri(response);
  return {
    callId: header(request, 'call-id') ?? '',
    localTag: tagIn(request, 'from') ?? '',
    remoteTag: tagIn(response, 'to') ?? '',
    localParty: header(request, 'from') ?? '',
    remoteParty: header(response, 'to') ?? header(request, 'to') ?? '',
    routeSet: headerValues(response, 'record-route').reverse(),
    remoteTarget: contact ?? request.uri,
    hasContact: contact !== undefined,
    localCSeq: cseqNumber(request),
    remoteCSeq: undefined,
    state: response.status < 200 ? 'early' : 'confirmed',
  };
}

/** As a subscriber whose first NOTIFY overtakes the answer to its `request` (RFC 6665 4.4.1). */
export function dialogByNotify(request: SipRequest, notify: SipRequest): Dialog {
  const contact = contactUri(notify);
  return {
    callId: header(request, 'call-id') ?? '',
    localTag: tagIn(request, 'from') ?? '',
    remoteTag: tagIn(notify, 'from') ?? '',
    localParty: header(request, 'from') ?? '',
    remoteParty: header(notify, 'from') ?? '',
    routeSet: headerValues(notify, 'record-route'),
    remoteTarget: contact ?? request.uri,
    hasContact: contact !== undefined,
    localCSeq: cseqNumber(request),
    remoteCSeq: cseqNumber(notify),
    state: 'confirmed',
  };
}

function uriOf(party: string): string {
  try {
    return formatUri(parseNameAddr(party).uri);
  } catch (error) {
    if (error instanceof SipParseError) return party;
    throw error;
  }
}

/**
 * The final answer of the fork that `early` stands for. The route set is taken anew from a 2xx (13.2.2.4), sequence
 * numbers go on.
 */
export function confirmed(early: Dialog, request: SipRequest, response: SipResponse): Dialog {
  const fresh = dialogAsUac(request, response);
  return {
    ...fresh,
    remoteTarget: fresh.hasContact ? fresh.remoteTarget : early.remoteTarget,
    hasContact: fresh.hasContact || early.hasContact,
    localCSeq: Math.max(early.localCSeq, fresh.localCSeq),
    remoteCSeq: early.remoteCSeq,
  };
}

/** 12.2: a target refresh (INVITE, UPDATE, SUBSCRIBE, NOTIFY, or a 2xx to one of them) moves the remote target. */
export function retargeted(dialog: Dialog, message: SipMessage): Dialog {
  const contact = contactUri(message);
  return contact === undefined ? dialog : { ...dialog, remoteTarget: contact, hasContact: true };
}

const REFRESHES: ReadonlySet<string> = new Set(['INVITE', 'UPDATE', 'SUBSCRIBE', 'NOTIFY', 'REFER']);

/** Whether this method may move the remote target. */
export function isTargetRefresh(method: string): boolean {
  return REFRESHES.has(method);
}

/** 12.2.2: the dialog after a request of the peer, or `stale` where its CSeq is not higher than the last (answer 500). */
export function received(dialog: Dialog, request: SipRequest): Dialog | 'stale' {
  const number = cseqNumber(request);
  if (dialog.remoteCSeq !== undefined && number <= dialog.remoteCSeq) return 'stale';
  const next = { ...dialog, remoteCSeq: number };
  return isTargetRefresh(request.method) ? retargeted(next, request) : next;
}

export interface InDialogRequest {
  readonly dialog: Dialog;
  readonly uri: string;
  /** Route, From, To, Call-ID, CSeq. */
  readonly headers: readonly Header[];
  /** The URI that decides where it is sent: the first hop. */
  readonly nextHop: string;
}

/** 12.2.1.1, loose and strict routing. An ACK takes the number of its INVITE and moves no counter. */
export function nextRequest(dialog: Dialog, method: string, ackOf?: number, wanted?: number): InDialogRequest {
  const number = ackOf ?? Math.max(dialog.localCSeq + 1, wanted ?? 0);
  const next = ackOf === undefined ? { ...dialog, localCSeq: number } : dialog;
  const { uri, routes, nextHop } = route(dialog);
  const fields: Header[] = routes.map((value) => ({ name: 'Route', value }));
  fields.push(
    { name: 'From', value: dialog.localParty },
    { name: 'To', value: dialog.remoteParty },
    { name: 'Call-ID', value: dialog.callId },
    { name: 'CSeq', value: `${number} ${method}` },
  );
  return { dialog: next, uri, headers: fields, nextHop };
}

function route(dialog: Dialog): { uri: string; routes: readonly string[]; nextHop: string } {
  const first = dialog.routeSet[0];
  if (first === undefined) return { uri: dialog.remoteTarget, routes: [], nextHop: dialog.remoteTarget };
  const hop = uriOf(first);
  if (/;lr(?=[;=?]|$)/i.test(hop)) return { uri: dialog.remoteTarget, routes: dialog.routeSet, nextHop: hop };
  const rest = [...dialog.routeSet.slice(1), `<${dialog.remoteTarget}>`];
  return { uri: hop, routes: rest, nextHop: hop };
}
