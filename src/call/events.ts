/** What can happen to a call, and what a step asks the controller to do. */
import type { HearMatrix } from './matrix.ts';
import type { DialTarget, Party, Person, PhoneKind, Queue } from './model.ts';
import type { Mode, SupervisionEndReason } from './views.ts';

/** Someone (or nobody: the phone, the clock) asks for something. A request may be refused with a `Refusal`. */
export type Request =
  | { readonly type: 'hold' | 'resume' | 'hangup'; readonly by: Person }
  | {
      readonly type: 'supervise';
      readonly by: Person;
      readonly supervisionId: string;
      readonly mode: Mode;
      readonly target: string;
      /** Phone to ring; null: the supervisor has none. `incoming`: the supervisor's phone has called itself (R-START-9). */
      readonly phone: Party | { readonly kind: 'incoming'; readonly address: string } | null;
      readonly facts: SupervisorFacts;
    }
  | {
      readonly type: 'changeSupervision';
      readonly by: Person;
      readonly supervisionId: string;
      readonly mode?: Mode;
      readonly paused?: boolean;
      readonly facts: SupervisorFacts;
    }
  | {
      readonly type: 'stopSupervision';
      readonly supervisionId: string;
      readonly reason: SupervisionEndReason;
      readonly by: string | null;
    }
  | { readonly type: 'consult'; readonly by: Person; readonly to: Party; readonly facts: SupervisorFacts }
  | { readonly type: 'consultComplete'; readonly by: Person }
  | { readonly type: 'consultCancel'; readonly by: Person }
  | { readonly type: 'conference'; readonly by: Person }
  | { readonly type: 'takeover'; readonly by: Person; readonly phone: Party | null; readonly facts: SupervisorFacts }
  | { readonly type: 'transfer'; readonly by: Person; readonly to: TransferTarget; readonly facts: SupervisorFacts }
  | {
      readonly type: 'assign';
      readonly by: Person;
      readonly to: TransferTarget;
      readonly override: boolean;
      /** Units by which the agent's capacity would be exceeded. */
      readonly excess: number;
    }
  | { readonly type: 'end'; readonly by: Person }
  | { readonly type: 'sentiment'; readonly by: string; readonly value: number | null };

/** What the directory and the other calls know about the supervisor who asks. */
export interface SupervisorFacts {
  /** A supervision of the same supervisor is open somewhere (R-START-1). */
  readonly supervising: boolean;
  /** Open supervisions of other supervisors over agents, in this and in other calls (R-EXCL-1, 3). */
  readonly holders: readonly Holder[];
}

export interface Holder {
  readonly agentId: string;
  readonly callId: string;
  readonly mode: Mode;
  readonly supervisor: { readonly id: string; readonly name: string };
  readonly supervisionId: string;
}

export type TransferTarget =
  { readonly kind: 'party'; readonly party: Party } | { readonly kind: 'queue'; readonly queue: Queue };

export type CallEvent =
  | Request
  | { readonly type: 'ready'; readonly codec: string | null } // the incoming leg has its media
  | { readonly type: 'start'; readonly to: Party } // a call of our own making: rings its first leg (click to dial)
  | { readonly type: 'progress'; readonly leg: string; readonly early: boolean }
  | { readonly type: 'answered'; readonly leg: string; readonly codec: string | null }
  | { readonly type: 'failed'; readonly leg: string; readonly status: number; readonly reason: string }
  | { readonly type: 'mediaFailed'; readonly leg: string; readonly detail: string }
  | { readonly type: 'gone'; readonly leg: string; readonly reason: string }
  | { readonly type: 'media'; readonly leg: string; readonly holding: boolean; readonly codec: string | null }
  | { readonly type: 'offer'; readonly to: Person } // the controller has an agent for this call
  | { readonly type: 'noAgent' }
  | { readonly type: 'timer'; readonly name: string }
  | { readonly type: 'matrixConfirmed'; readonly version: number }
  | { readonly type: 'matrixFailed'; readonly version: number; readonly detail: string }
  | { readonly type: 'mediaLost'; readonly detail: string }
  /** The connection to the SIP server is gone, and every dialog with it: nobody has hung up. */
  | { readonly type: 'signallingLost' }
  /** The phone's second call: a consult of the first one. Makes a second leg for the same person. */
  | { readonly type: 'secondCall'; readonly by: Person; readonly to: Party }
  /** REFER of a party's phone: to someone else (blind), or to the leg it already consults with. */
  | { readonly type: 'refer'; readonly leg: string; readonly to: TransferTarget | 'consulted' }
  | { readonly type: 'shutdown' };

export type Outcome = 'no_answer' | 'busy' | 'declined' | 'unreachable';

export type Effect =
  | { readonly type: 'matrix'; readonly version: number; readonly matrix: HearMatrix }
  | { readonly type: 'progress'; readonly leg: string; readonly early: boolean }
  | { readonly type: 'answer'; readonly leg: string }
  | {
      readonly type: 'dial';
      readonly leg: string;
      readonly to: DialTarget;
      readonly only?: PhoneKind; // of the user's phones
      readonly from: { readonly number: string; readonly name: string };
      readonly autoAnswer: boolean;
      readonly keys: boolean; // the phone's keys are commands (R-START-9)
    }
  /** Takes the leg down in whatever state it is: CANCEL, BYE, or the status for a caller who is not answered. */
  | { readonly type: 'drop'; readonly leg: string; readonly status: number; readonly reason: string }
  | { readonly type: 'timer'; readonly name: string; readonly seconds: number | null }
  | { readonly type: 'needAgent' }
  | { readonly type: 'offerFailed'; readonly userId: string; readonly outcome: Outcome }
  | { readonly type: 'wrapUp'; readonly userId: string; readonly seconds: number }
  | { readonly type: 'referDone'; readonly leg: string; readonly status: number; readonly reason: string }
  | {
      readonly type: 'note';
      readonly entry: string;
      readonly by: string | null;
      readonly data: Readonly<Record<string, unknown>>;
    }
  | { readonly type: 'closed' };
