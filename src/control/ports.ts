/**
 * What the controller needs of the outside: signalling (src/sip implements it), media (media/engine.ts) and the clock.
 * Types only. Nothing here names SIP messages; statuses are SIP response codes because telephones speak them.
 */
import type { Offers } from '../../media/engine.ts';
import type { DialTarget } from '../call/model.ts';
import type { CallView, ContactView, SupervisionView } from '../call/views.ts';
import type { TimelineEntry } from './service.ts';

/** Who is calling, as established by the signalling edge: a trunk's host, or a user that proved itself by digest. */
export type CallSource =
  { readonly kind: 'trunk'; readonly trunkId: string } | { readonly kind: 'user'; readonly userId: string };

/** Why a leg came to nothing, as a SIP status with the peer's reason; 408 no answer, 480 no contact, 487 cancelled by us. */
export class LegFailure extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string) {
    super(`${status} ${reason}`);
    this.name = 'LegFailure';
    this.status = status;
    this.reason = reason;
  }
}

export interface DialRequest {
  /** A user: all contacts that an offer fits are rung at once, the first to answer wins. */
  readonly target: DialTarget;
  /** Shown to the called person. `number` is an extension or a telephone number. */
  readonly from: { readonly number: string; readonly name: string };
  /** Our offer: `webrtc` for phones in browsers (ws, wss), `rtp` for all others. A phone that none fits is not rung. */
  readonly offers: Offers;
  /** Ask the phone to answer by itself, with the headers of the user's phone profile (R-START-3). */
  readonly autoAnswer?: boolean;
  /** Aborting sends CANCEL; the promise then rejects with LegFailure 487 (or, where 200 won the race, after a BYE). */
  readonly signal: AbortSignal;
  /** 180/183. `sdp` is the early answer where there is one. */
  readonly onProgress: (status: number, sdp: string | null) => void;
}

/** An established dialog with one phone. All callbacks come from `DialogEvents`. */
export interface Dialog {
  /** The answer (or, for a leg answered without an offer, the offer) of the peer. */
  readonly remoteSdp: string;
  /** Address that the peer's signalling comes from. */
  readonly remoteAddress: string;
  /** Call-ID and tags (RFC 3261 section 12): what a Replaces header names, see `ReplacedDialog`. */
  readonly sipId: { readonly callId: string; readonly localTag: string; readonly remoteTag: string };
  /** Binds the events. Events that came before are delivered at once, in order. */
  bind(events: DialogEvents): void;
  /** Sends a re-INVITE with our offer: resolves with the peer's answer; LegFailure if refused. */
  modify(localSdp: string): Promise<string>;
  /** SIP INFO, NOTIFY, REFER, MESSAGE inside the dialog: resolves with the status. */
  request(method: string, headers?: Readonly<Record<string, string>>, body?: string): Promise<number>;
  /** Sends BYE. Idempotent, never rejects. `reason` becomes the text of a Reason header (RFC 3326). */
  hangup(reason?: string): Promise<void>;
}

export interface DialogEvents {
  /**
   * The peer sent BYE, or the dialog is lost (session timer, ACK timeout). Once. `signallingLost`: the connection to the SIP
   * server is, and with it every dialog.
   */
  onBye(reason: string, signallingLost: boolean): void;
  /** re-INVITE or UPDATE with an offer: resolve with our answer; a LegFailure thrown is answered as it says. */
  onOffer(sdp: string): Promise<string>;
  /** re-INVITE without SDP: resolve with our offer; its answer then comes to `onAnswer`. */
  onOfferRequest(): Promise<string>;
  onAnswer(sdp: string): Promise<void>;
  /** A key by SIP INFO (application/dtmf-relay or application/dtmf). */
  onDtmf(digit: string): void;
  /** REFER: resolve to accept (202, then NOTIFY through `progress`), throw LegFailure to refuse (RFC 3515). */
  onRefer(refer: ReferRequest): Promise<void>;
}

/**
 * A dialog of ours that a peer wants replaced (RFC 3891 section 3): it is the one with the same Call-ID whose local tag is
 * `toTag` and whose remote tag is `fromTag`.
 */
export interface ReplacedDialog {
  readonly callId: string;
  readonly toTag: string;
  readonly fromTag: string;
  /** Only while it is not answered yet. */
  readonly earlyOnly?: boolean;
}

export interface ReferRequest {
  /** User part of Refer-To: extension, queue number or telephone number. */
  readonly to: string;
  /** Replaces of Refer-To (RFC 3891): the dialog to be replaced, as `Dialog.sipId` names it. */
  readonly replaces: ReplacedDialog | null;
  /** Reports the progress of the transfer to the transferor: 100, 180, 200, 503 ... The last one ends the subscription. */
  progress(status: number, reason: string, final: boolean): void;
}

/** An INVITE that has passed authentication. */
export interface IncomingCall {
  readonly source: CallSource;
  readonly from: { readonly number: string; readonly name: string };
  /** User part of the request URI. */
  readonly dialled: string;
  /** null: an INVITE without offer. */
  readonly offer: string | null;
  readonly remoteAddress: string;
  /** Call-ID and tags, by which a Replaces header may name this dialog later. */
  readonly sipCallId: string;
  /** Replaces of the INVITE (RFC 3891): the dialog that this call takes the place of. */
  readonly replaces?: ReplacedDialog | null;
  /** 180, or 183 with SDP. */
  progress(status: 180 | 183, sdp?: string): void;
  /** 200 with our SDP; resolves when the dialog stands (ACK received). Rejects with LegFailure 487 when cancelled. */
  answer(localSdp: string): Promise<Dialog>;
  /** Idempotent; does nothing after answer. */
  reject(status: number, reason: string): void;
  /**
   * The caller gave up before the answer, or the connection to the SIP server is lost (`signallingLost`). Delivered at once
   * when it has happened already.
   */
  onCancel(listener: (signallingLost: boolean) => void): void;
}

export interface SignallingEvents {
  onCall(call: IncomingCall): void;
  /** The contacts of a user have changed: registered, refreshed to another address, expired, unregistered. */
  onContacts(userId: string, contacts: readonly ContactView[]): void;
}

export interface Signalling {
  /** Resolves once phones can register. */
  start(events: SignallingEvents): Promise<void>;
  /** Whether phones can register at this moment: the SIP server may have gone. */
  readonly connected: boolean;
  contacts(userId: string): readonly ContactView[];
  /** Resolves with the dialog when a phone has answered (ACK sent); rejects with LegFailure. */
  dial(request: DialRequest): Promise<Dialog>;
  /** Refuses new calls with 503; existing dialogs go on. */
  drain(): void;
  close(): Promise<void>;
}

export interface Clock {
  now(): number; // ms since the epoch
  /** Returns a function that cancels. */
  after(ms: number, task: () => void): () => void;
}

/** What is written down for good. */
export type JournalRecord =
  | { readonly kind: 'timeline'; readonly callId: string; readonly entry: TimelineEntry }
  /** R-SEE-5: when a supervision is started, each time it changes, and when it has ended. Never changed afterwards. */
  | {
      readonly kind: 'audit';
      readonly event: 'started' | 'updated' | 'ended';
      readonly at: string;
      readonly supervision: SupervisionView;
      readonly target: { readonly userId: string | null; readonly name: string };
    }
  /** A closed call, whole. */
  | { readonly kind: 'call'; readonly call: CallView; readonly timeline: readonly TimelineEntry[] };

/** Where records go (src/store implements it). */
export interface Journal {
  /**
   * Keeps the order. The record is on disk a moment later, together with others of the same moment; the API answers a
   * request only when everything that it led to is. Throws where nothing more can be taken.
   */
  append(record: JournalRecord): void;
}
