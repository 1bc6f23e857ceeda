/**
 * A dialog as its application sees it: one id, one owner, and below it the dialogs of all forks of the first request.
 * The registry is the only place where sessions are found; its indexes are written by `add`, `remove` and `tie` alone.
 */
import { Timers } from '../transaction/clock.ts';
import type { Clock } from '../transaction/clock.ts';
import type { Dialog } from '../dialog/dialog.ts';
import type { SessionTimer } from '../dialog/session-timer.ts';
import type { SipRequest } from '../message/types.ts';
import type { Flow } from '../transport/types.ts';
import type { ControlClient, Owned } from './clients.ts';
import type { Accepted } from './accepted-invite.ts';
import type { IncomingInvite } from './incoming-invite.ts';
import type { OutgoingInvite } from './outgoing-invite.ts';

/** `<Call-ID>;from-tag=<From tag of the first request>`, for both roles (protocol.md section 4). */
export function dialogId(callId: string, fromTag: string): string {
  return `${callId};from-tag=${fromTag}`;
}

export interface SessionInit {
  readonly id: string;
  readonly callId: string;
  readonly localTag: string;
  readonly method: 'INVITE' | 'SUBSCRIBE';
  readonly role: 'uac' | 'uas';
  readonly owner: ControlClient;
}

/** What a session asks of the server. */
export interface SessionEvents {
  /** The owner's connection is gone. */
  orphaned(session: Session): void;
}

export type SessionTimerName = 'refresh' | 'expires';

export class Session implements Owned {
  readonly id: string;
  readonly callId: string;
  readonly localTag: string;
  readonly method: 'INVITE' | 'SUBSCRIBE';
  readonly role: 'uac' | 'uas';
  readonly timers: Timers<SessionTimerName>;
  /** By the peer's tag. */
  readonly dialogs = new Map<string, Dialog>();
  /** 2xx of ours that wait for their ACK, by CSeq. */
  readonly accepted = new Map<number, Accepted>();
  /** An INVITE of the peer that has no final answer yet. */
  serving: IncomingInvite | undefined;
  /** Our latest INVITE, until its 2xx is acknowledged or it has failed. */
  inviting: OutgoingInvite | undefined;
  /** Our latest INVITE that was acknowledged: an application may repeat its ACK. */
  acknowledgeable: OutgoingInvite | undefined;
  /** SDP that we sent last, for a refresh. */
  localSdp: Buffer | undefined;
  peerTakesUpdate = false;
  /** A reliable provisional response that the final one has overtaken: its PRACK is answered, and told to nobody. */
  latePrack: { readonly rseq: number; readonly cseq: number } | undefined;
  /** Event of a subscription. */
  event: string | undefined;
  /** The SUBSCRIBE that is to make this session. */
  subscribe: SipRequest | undefined;
  timer: SessionTimer | undefined;
  /** Ending by itself: the application is gone, or has been told. */
  closing = false;
  ended = false;
  #owner: ControlClient | undefined;
  #flow: Flow | undefined;
  #current: string | undefined;
  readonly #events: SessionEvents;

  constructor(init: SessionInit, clock: Clock, events: SessionEvents) {
    this.id = init.id;
    this.callId = init.callId;
    this.localTag = init.localTag;
    this.method = init.method;
    this.role = init.role;
    this.timers = new Timers<SessionTimerName>(clock);
    this.#owner = init.owner;
    this.#events = events;
    init.owner.own(this);
  }

  get owner(): ControlClient | undefined {
    return this.#owner;
  }

  /** The flow by which the peer was last heard. */
  get flow(): Flow | undefined {
    return this.#flow;
  }

  set flow(flow: Flow | undefined) {
    this.#flow = flow;
  }

  /** The dialog that the application means: of the fork that answered, or that was heard last. */
  get dialog(): Dialog | undefined {
    return this.#current === undefined ? undefined : this.dialogs.get(this.#current);
  }

  /** Stores a dialog in its new state. `current`: it becomes the one that the application means. */
  put(dialog: Dialog, current: boolean): void {
    this.dialogs.set(dialog.remoteTag, dialog);
    if (current) this.#current = dialog.remoteTag;
  }

  /** Only this fork is left. */
  keepOnly(remoteTag: string): void {
    for (const tag of [...this.dialogs.keys()]) if (tag !== remoteTag) this.dialogs.delete(tag);
    this.#current = remoteTag;
  }

  get confirmed(): boolean {
    return this.dialog?.state === 'confirmed';
  }

  releaseOwner(): void {
    this.#owner?.disown(this);
    this.#owner = undefined;
  }

  clientGone(): void {
    this.#owner = undefined;
    this.#events.orphaned(this);
  }
}

export class SessionRegistry {
  readonly #byId = new Map<string, Session>();
  readonly #byTag = new Map<string, Session>();
  readonly #byConnection = new Map<string, Set<Session>>();

  get size(): number {
    return this.#byId.size;
  }

  all(): readonly Session[] {
    return [...this.#byId.values()];
  }

  add(session: Session): void {
    this.#byId.set(session.id, session);
    this.#byTag.set(tagKey(session.callId, session.localTag), session);
  }

  /** By the id that the application uses. */
  byId(id: string): Session | undefined {
    return this.#byId.get(id);
  }

  /** By Call-ID and our tag; the request URI says nothing (protocol.md 6.4). */
  byTag(callId: string, localTag: string): Session | undefined {
    return this.#byTag.get(tagKey(callId, localTag));
  }

  /** Forgets the session and stops all that runs for it. False if that has been done. */
  remove(session: Session): boolean {
    if (session.ended) return false;
    session.ended = true;
    if (this.#byId.get(session.id) === session) this.#byId.delete(session.id);
    const key = tagKey(session.callId, session.localTag);
    if (this.#byTag.get(key) === session) this.#byTag.delete(key);
    this.tie(session, undefined);
    session.timers.clearAll();
    for (const accepted of session.accepted.values()) accepted.stop();
    session.accepted.clear();
    session.releaseOwner();
    return true;
  }

  /** The peer was heard by this flow. */
  tie(session: Session, flow: Flow | undefined): void {
    const before = session.flow?.connection;
    if (before !== undefined && before !== flow?.connection) {
      const tied = this.#byConnection.get(before);
      tied?.delete(session);
      if (tied?.size === 0) this.#byConnection.delete(before);
    }
    session.flow = flow;
    const connection = flow?.connection;
    if (connection === undefined || session.ended) return;
    let tied = this.#byConnection.get(connection);
    if (tied === undefined) this.#byConnection.set(connection, (tied = new Set()));
    tied.add(session);
  }

  /** Sessions heard by a connection that has closed can be reached by their Contact only, from now on. */
  connectionClosed(connection: string): void {
    for (const session of [...(this.#byConnection.get(connection) ?? [])]) this.tie(session, undefined);
  }
}

function tagKey(callId: string, tag: string): string {
  return `${callId}|${tag}`;
}
