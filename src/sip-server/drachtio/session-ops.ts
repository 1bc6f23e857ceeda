/** What the server does with a session by itself: finding the way to the peer, BYE, session timers. */
import { nextRequest } from '../dialog/dialog.ts';
import type { Dialog, InDialogRequest } from '../dialog/dialog.ts';
import { timerAsUac, timerMsOf } from '../dialog/session-timer.ts';
import type { SessionTimer } from '../dialog/session-timer.ts';
import { SipParseError } from '../message/errors.ts';
import { hasToken } from '../message/headers.ts';
import type { Header, SipMessage, SipRequest, SipResponse } from '../message/types.ts';
import { bareHost, parseUri } from '../message/uri.ts';
import type { Flow } from '../transport/types.ts';
import { cdr, deliverUnsolicited, selfOn } from './context.ts';
import type { Context } from './context.ts';
import { LocateError, isUnreachable } from './network.ts';
import type { Session } from './session.ts';
import type { CdrReason } from './wire.ts';

/**
 * The flow for a request within a dialog. With a route set the first hop decides. Else: over the connection that the
 * peer called by; to the source of a peer over UDP whose Contact says something else (NAT); to the Contact.
 */
export function flowFor(
  context: Context,
  session: Session,
  dialog: Dialog,
  nextHop: string,
  done: (result: Flow | LocateError) => void,
): void {
  const heard = session.flow;
  if (dialog.routeSet.length === 0 && heard && prefersHeard(session, dialog, heard)) done(heard);
  else context.network.locate(nextHop, done);
}

function prefersHeard(session: Session, dialog: Dialog, heard: Flow): boolean {
  if (!dialog.hasContact) return true;
  if (heard.protocol === 'ws' || heard.protocol === 'wss') return true;
  const contact = hostPortOf(dialog.remoteTarget);
  if (contact === undefined) return true;
  const same = contact.host === heard.remote.host && contact.port === heard.remote.port;
  if (session.role === 'uas') return heard.connection !== undefined || !same;
  return (same && heard.connection !== undefined) || isUnreachable(contact.host, heard.remote.host);
}

function hostPortOf(text: string): { host: string; port: number } | undefined {
  try {
    const uri = parseUri(text);
    return uri.kind === 'sip' ? { host: bareHost(uri.host), port: uri.port ?? 5060 } : undefined;
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}

/** A request of the server's own within a dialog. */
function ownRequest(
  context: Context,
  method: string,
  flow: Flow,
  next: InDialogRequest,
  extra: readonly Header[],
  body: Buffer = Buffer.alloc(0),
): SipRequest {
  const routes = next.headers.filter((h) => h.name === 'Route');
  const identity = next.headers.filter((h) => h.name !== 'Route');
  const fields: Header[] = [
    { name: 'Via', value: context.network.via(flow) },
    ...routes,
    { name: 'Max-Forwards', value: '70' },
    ...identity,
    ...extra,
    { name: 'Content-Length', value: String(body.length) },
  ];
  return { kind: 'request', method, uri: next.uri, headers: fields, body };
}

export function reasonHeader(text: string): Header {
  return { name: 'Reason', value: `SIP ;cause=200 ;text="${text}"` };
}

/** Forgets a session; nothing of it is found or runs any more. */
export function endSession(context: Context, session: Session, reason: CdrReason, message?: SipMessage): void {
  const established = session.confirmed;
  if (!context.sessions.remove(session)) return;
  if (established && session.method === 'INVITE' && message) {
    const source = message.kind === 'request' && reason === 'normal-release' ? 'network' : 'application';
    cdr(context, source, message, { kind: 'stop', reason });
  }
}

/**
 * Ends a confirmed session with a BYE. With `text` the owner is told by an unsolicited BYE that says why. Where a 2xx
 * of ours has no ACK yet, the BYE waits for it (15.1.1).
 */
export function hangUp(context: Context, session: Session, reason: CdrReason, text?: string): void {
  const { dialog } = session;
  if (session.ended) return;
  if (dialog?.state !== 'confirmed') {
    endSession(context, session, reason);
    return;
  }
  const waiting = [...session.accepted.values()].at(-1);
  if (waiting) {
    session.closing = true;
    waiting.after.push(() => hangUp(context, session, reason, text));
    return;
  }
  byeFork(context, session, dialog, text, (bye, flow) => {
    if (text !== undefined) deliverUnsolicited(context, session, bye, flow);
    endSession(context, session, reason, bye);
  });
}

/** Sends BYE to one fork; `made` is called with it before any answer can come, also where it has no way to go. */
export function byeFork(
  context: Context,
  session: Session,
  dialog: Dialog,
  text: string | undefined,
  made: (bye: SipRequest, flow: Flow | undefined) => void = () => undefined,
): void {
  const extra = text === undefined ? [] : [reasonHeader(text)];
  const next = nextRequest(dialog, 'BYE');
  if (session.dialogs.has(dialog.remoteTag)) session.put(next.dialog, session.dialog === dialog);
  flowFor(context, session, dialog, next.nextHop, (result) => {
    if (result instanceof LocateError) {
      const nowhere: Flow = { protocol: 'udp', local: { host: '0.0.0.0', port: 0 }, remote: { host: '', port: 0 } };
      made(ownRequest(context, 'BYE', session.flow ?? nowhere, next, extra), undefined);
      return;
    }
    const bye = ownRequest(context, 'BYE', result, next, extra);
    context.layer.send(bye, result, { response: () => undefined, failed: () => undefined });
    made(bye, result);
  });
}

/** Ends a subscription whose application has gone: the notifier says so (RFC 6665 4.2.2); a subscriber just forgets. */
export function dropSubscription(context: Context, session: Session): void {
  const { dialog } = session;
  if (session.role === 'uas' && dialog?.state === 'confirmed') {
    const next = nextRequest(dialog, 'NOTIFY');
    flowFor(context, session, dialog, next.nextHop, (result) => {
      if (result instanceof LocateError) return;
      const state: Header = { name: 'Subscription-State', value: 'terminated;reason=noresource' };
      const event: Header = { name: 'Event', value: session.event ?? 'presence' };
      const notify = ownRequest(context, 'NOTIFY', result, next, [event, state]);
      context.layer.send(notify, result, { response: () => undefined, failed: () => undefined });
    });
  }
  endSession(context, session, 'system-initiated-termination');
}

/** Sets, renews or (undefined) ends the session timer (RFC 4028). */
export function setSessionTimer(context: Context, session: Session, timer: SessionTimer | undefined): void {
  session.timer = timer;
  if (timer === undefined || session.ended) {
    session.timers.clear('refresh');
    return;
  }
  session.timers.set('refresh', timerMsOf(timer), () => {
    if (timer.weRefresh) refresh(context, session);
    else hangUp(context, session, 'session-expired', 'Session timer expired');
  });
}

const RETRY_MS = 3000;

/** Section 7.2: UPDATE where the peer takes it, else re-INVITE with the SDP sent last. Not told to the application. */
function refresh(context: Context, session: Session): void {
  const { dialog, timer } = session;
  if (session.ended || dialog === undefined || timer === undefined) return;
  if (session.serving !== undefined || session.inviting !== undefined) {
    session.timers.set('refresh', RETRY_MS, () => refresh(context, session));
    return;
  }
  const method = session.peerTakesUpdate || session.localSdp === undefined ? 'UPDATE' : 'INVITE';
  const next = nextRequest(dialog, method);
  session.put(next.dialog, true);
  flowFor(context, session, dialog, next.nextHop, (result) => {
    if (result instanceof LocateError) {
      hangUp(context, session, 'session-expired', 'Session timer expired');
      return;
    }
    const self = selfOn(context, result);
    const extra: Header[] = [
      { name: 'Contact', value: context.network.contact(result) },
      { name: 'Supported', value: 'timer' },
      { name: 'Session-Expires', value: `${timer.interval};refresher=uac` },
      { name: 'Min-SE', value: '90' },
    ];
    const body = method === 'INVITE' ? session.localSdp! : Buffer.alloc(0);
    if (body.length > 0) extra.push({ name: 'Content-Type', value: 'application/sdp' });
    const request = ownRequest(context, method, result, next, extra, body);
    context.log('debug', `session refresh by ${method} from ${self.host}:${self.port}`);
    const cseq = next.dialog.localCSeq;
    context.layer.send(request, result, {
      response: (response) => refreshed(context, session, timer, method, cseq, response),
      failed: () => hangUp(context, session, 'session-expired', 'Session timer expired'),
    });
  });
}

function refreshed(
  context: Context,
  session: Session,
  timer: SessionTimer,
  method: string,
  cseq: number,
  response: SipResponse,
): void {
  if (response.status < 200 || session.ended || session.dialog === undefined) return;
  if (response.status < 300) {
    if (method === 'INVITE') acknowledgeOwn(context, session, session.dialog, cseq);
    setSessionTimer(context, session, timerAsUac(response) ?? timer);
  } else if (response.status === 408 || response.status === 481) {
    hangUp(context, session, 'session-expired', 'Session timer expired');
  } else {
    // 491 and the like: the other half of the interval is left to try again
    const left = timer.interval * 250;
    session.timers.set('refresh', left, () => hangUp(context, session, 'session-expired', 'Session timer expired'));
    if (response.status === 491) session.timers.set('refresh', RETRY_MS, () => refresh(context, session));
  }
}

/** ACK for a 2xx that no application answers for. `sent` gets it, so that it can be sent again. */
export function acknowledgeOwn(
  context: Context,
  session: Session,
  dialog: Dialog,
  cseq: number,
  sent: (ack: SipRequest, flow: Flow) => void = () => undefined,
): void {
  const next = nextRequest(dialog, 'ACK', cseq);
  flowFor(context, session, dialog, next.nextHop, (result) => {
    if (result instanceof LocateError) return;
    const ack = ownRequest(context, 'ACK', result, next, []);
    sendAck(context, ack, result);
    sent(ack, result);
  });
}

/** An ACK has no transaction: it is sent, and if it is lost, the peer's 2xx comes again. */
export function sendAck(context: Context, ack: SipRequest, flow: Flow): Buffer {
  const octets = context.encode(ack);
  context.send(octets, flow).catch((error: unknown) => {
    context.log('debug', `ACK not sent: ${error instanceof Error ? error.message : ''}`);
  });
  return octets;
}

/** Whether a message says that its sender takes UPDATE (RFC 3311 section 4). */
export function takesUpdate(message: SipMessage): boolean {
  return hasToken(message, 'allow', 'UPDATE');
}
