/** Requests of the network: who gets them, and what the server answers by itself (protocol.md section 4). */
import { randomUUID } from 'node:crypto';
import { received as receivedIn, dialogByNotify, tagIn } from '../dialog/dialog.ts';
import type { Dialog } from '../dialog/dialog.ts';
import { MIN_SE, tooBrief } from '../dialog/session-timer.ts';
import { SipParseError } from '../message/errors.ts';
import { maxForwards, parseCSeq, parseRAck } from '../message/fields.ts';
import { header, headerValues } from '../message/headers.ts';
import type { RAck, SipRequest } from '../message/types.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Received } from '../transport/types.ts';
import { registerContactsValid } from './compose.ts';
import { cdr, deliver } from './context.ts';
import type { Context } from './context.ts';
import { Incoming } from './incoming.ts';
import { IncomingInvite } from './incoming-invite.ts';
import { ProxyJob, SILENT, forwardAck, isOwnRoute } from './proxy-job.ts';
import type { Session } from './session.ts';
import { endSession, takesUpdate } from './session-ops.ts';

/** What makes no sense without its dialog. */
const IN_DIALOG_ONLY = new Set(['BYE', 'UPDATE', 'PRACK']);
const KNOWN = new Set(['INVITE', 'REGISTER', 'MESSAGE', 'OPTIONS', 'INFO', 'NOTIFY', 'SUBSCRIBE', 'PUBLISH', 'REFER']);

export class NetworkDesk {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  request(transaction: ServerTransaction): void {
    const { request } = transaction;
    const localTag = tagIn(request, 'to');
    if (localTag === undefined) {
      this.#outOfDialog(transaction);
      return;
    }
    const session = this.#context.sessions.byTag(header(request, 'call-id') ?? '', localTag);
    const dialog = session && this.#dialogOf(session, request);
    if (session && dialog) this.#inDialog(transaction, session, dialog);
    else if (this.#isProxied(request)) this.#pass(transaction);
    else if (request.method === 'INVITE' || IN_DIALOG_ONLY.has(request.method)) transaction.reply(481);
    else this.#outOfDialog(transaction);
  }

  #outOfDialog(transaction: ServerTransaction): void {
    const context = this.#context;
    const { request } = transaction;
    const { method } = request;
    if (IN_DIALOG_ONLY.has(method)) {
      transaction.reply(481);
      return;
    }
    if (method === 'INVITE') {
      transaction.reply(100);
      cdr(context, 'network', request, { kind: 'attempt' });
      if (this.#tooBrief(transaction)) return;
    }
    if (method === 'REGISTER' && !registerContactsValid(request)) {
      transaction.reply(400, { reason: 'Bad Request (Contact)' });
      return;
    }
    const owner = context.router.choose(method.toLowerCase());
    if (owner === undefined) {
      transaction.reply(KNOWN.has(method) ? 503 : 501);
      return;
    }
    const init = { context, transaction, owner, session: undefined };
    (method === 'INVITE' ? new IncomingInvite(init) : new Incoming(init)).deliver();
  }

  /** RFC 4028 section 9. */
  #tooBrief(transaction: ServerTransaction): boolean {
    if (!tooBrief(transaction.request)) return false;
    transaction.reply(422, { headers: [{ name: 'Min-SE', value: String(MIN_SE) }] });
    return true;
  }

  // -- within dialogs

  /** The dialog of the fork that the request comes from. A NOTIFY may be the first that is heard of one (RFC 6665). */
  #dialogOf(session: Session, request: SipRequest): Dialog | undefined {
    const remoteTag = tagIn(request, 'from') ?? '';
    const known = session.dialogs.get(remoteTag);
    if (known || session.method !== 'SUBSCRIBE' || session.role !== 'uac' || request.method !== 'NOTIFY') return known;
    if (session.dialogs.size > 0 || session.subscribe === undefined) return undefined;
    // its own CSeq is taken by the caller
    const dialog = { ...dialogByNotify(session.subscribe, request), remoteCSeq: undefined };
    session.put(dialog, true);
    return dialog;
  }

  #inDialog(transaction: ServerTransaction, session: Session, dialog: Dialog): void {
    const { request } = transaction;
    const next = receivedIn(dialog, request);
    if (next === 'stale') {
      transaction.reply(500, { reason: 'CSeq out of order' });
      return;
    }
    session.put(next, session.dialog === dialog);
    this.#context.sessions.tie(session, transaction.flow);
    if (takesUpdate(request)) session.peerTakesUpdate = true;
    switch (request.method) {
      case 'BYE':
        this.#bye(transaction, session);
        return;
      case 'INVITE':
        this.#reInvite(transaction, session);
        return;
      case 'PRACK':
        this.#prack(transaction, session);
        return;
      case 'UPDATE':
        if (this.#tooBrief(transaction)) return;
        this.#update(transaction, session);
        return;
      default:
        this.#hand(transaction, session);
    }
  }

  #hand(transaction: ServerTransaction, session: Session): void {
    const { owner } = session;
    if (owner === undefined || session.closing) transaction.reply(481);
    else new Incoming({ context: this.#context, transaction, owner, session }).deliver();
  }

  /** The dialog is gone at once; the application has its time to answer. */
  #bye(transaction: ServerTransaction, session: Session): void {
    const context = this.#context;
    const { owner, serving } = session;
    const early = serving !== undefined && !session.confirmed;
    if (owner === undefined || session.closing || early) {
      transaction.reply(200);
      serving?.superseded();
      endSession(context, session, 'normal-release', transaction.request);
      return;
    }
    serving?.superseded();
    const incoming = new Incoming({ context, transaction, owner, session });
    endSession(context, session, 'normal-release', transaction.request);
    incoming.deliver();
  }

  /** 14.2: one INVITE at a time. */
  #reInvite(transaction: ServerTransaction, session: Session): void {
    const { owner } = session;
    if (owner === undefined || session.closing) {
      transaction.reply(481);
      return;
    }
    if (session.serving !== undefined) {
      transaction.reply(500, { headers: [{ name: 'Retry-After', value: '2' }] });
      return;
    }
    if (session.inviting?.awaitsAck === false) {
      transaction.reply(491);
      return;
    }
    transaction.reply(100);
    if (this.#tooBrief(transaction)) return;
    const invite = new IncomingInvite({ context: this.#context, transaction, owner, session });
    session.serving = invite;
    invite.deliver();
  }

  #prack(transaction: ServerTransaction, session: Session): void {
    const rack = readRAck(transaction.request);
    const { serving, latePrack } = session;
    if (rack && serving?.prack(rack) === true) {
      this.#hand(transaction, session);
      serving.resume();
    } else if (rack && latePrack?.rseq === rack.rseq && latePrack.cseq === rack.cseq) {
      // protocol.md 6.5: the application has a dialog by now, which would answer 501
      session.latePrack = undefined;
      transaction.reply(200);
    } else transaction.reply(481);
  }

  /** Before the INVITE is answered it goes by the INVITE's transaction id (protocol.md section 4). */
  #update(transaction: ServerTransaction, session: Session): void {
    const { serving, owner } = session;
    if (serving === undefined || session.confirmed || owner === undefined) {
      this.#hand(transaction, session);
      return;
    }
    if (serving.update !== undefined) {
      transaction.reply(500, { headers: [{ name: 'Retry-After', value: '2' }] });
      return;
    }
    const init = { context: this.#context, transaction, owner, session, id: serving.id };
    const update = new Incoming({ ...init, over: () => (serving.update = undefined) });
    serving.update = update;
    update.deliver();
  }

  /** ACK of a 2xx: to the owner, once. */
  acknowledged(ack: SipRequest, received: Received): void {
    const context = this.#context;
    const localTag = tagIn(ack, 'to') ?? '';
    const session = context.sessions.byTag(header(ack, 'call-id') ?? '', localTag);
    const number = readCSeq(ack);
    const accepted = number === undefined ? undefined : session?.accepted.get(number);
    if (session === undefined || number === undefined || accepted === undefined) {
      if (session === undefined && this.#isProxied(ack)) forwardAck(context, ack, received.flow);
      return;
    }
    if (accepted.remoteTag !== (tagIn(ack, 'from') ?? '')) return;
    session.accepted.delete(number);
    const id = accepted.transaction === '' ? randomUUID() : accepted.transaction;
    const { owner } = session;
    if (owner) deliver(owner, received, ack, { transaction: id, dialog: session.id, hideProtocol: true });
    accepted.acknowledge();
  }

  // -- dialogs that we are in as a proxy

  #isProxied(request: SipRequest): boolean {
    const context = this.#context;
    const route = headerValues(request, 'route')[0];
    if (route === undefined || !isOwnRoute(context, route)) return false;
    const from = tagIn(request, 'from') ?? '';
    return context.proxied.has(header(request, 'call-id') ?? '', from, tagIn(request, 'to') ?? '');
  }

  #pass(transaction: ServerTransaction): void {
    const context = this.#context;
    const { request } = transaction;
    if (maxForwards(request) === 0) {
      transaction.reply(483);
      return;
    }
    if (request.method === 'INVITE') transaction.reply(100);
    const once = { simultaneous: false, provisionalTimeout: undefined, finalTimeout: undefined, destinations: [] };
    const done = (): void => {
      if (request.method !== 'BYE') return;
      const from = tagIn(request, 'from') ?? '';
      context.proxied.remove(header(request, 'call-id') ?? '', from, tagIn(request, 'to') ?? '');
    };
    const options = { ...once, remainInDialog: false, followRedirects: false };
    new ProxyJob(context, transaction, request, options, { ...SILENT, done }).start();
  }
}

/** Its three words; some peers write more. */
function readRAck(request: SipRequest): RAck | undefined {
  const words = (header(request, 'rack') ?? '').split(/[ \t]+/).slice(0, 3);
  return lenient(() => parseRAck(words.join(' ')));
}

function readCSeq(request: SipRequest): number | undefined {
  return lenient(() => parseCSeq(header(request, 'cseq') ?? '').number);
}

function lenient<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}
