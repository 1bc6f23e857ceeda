/** What is kept of calls that are over, and who supervised them: as the API reads it (src/store implements it). Types only. */
import type { CallView, SupervisionView } from '../call/views.ts';
import type { TimelineEntry } from './service.ts';

/** Which closed calls. Teams null: all. Times are ISO 8601 in UTC, `from` inclusive, `to` exclusive. */
export interface HistoryQuery {
  readonly teams: readonly string[] | null;
  readonly from?: string;
  readonly to?: string;
  readonly agent?: string;
  readonly queue?: string;
  readonly direction?: CallView['direction'];
  readonly supervised?: boolean;
  /** Part of a number or name of anyone in the call. */
  readonly text?: string;
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page begins; null on the last one. */
  readonly next: number | null;
}

export interface AuditQuery {
  /** null: of everyone. */
  readonly supervisor: string | null;
  readonly call?: string;
  readonly supervision?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
  readonly after?: number;
}

/** R-SEE-5: who supervised whom, when, in which mode, and why it ended. */
export interface AuditEntry {
  readonly id: string;
  readonly at: string;
  readonly event: 'started' | 'updated' | 'ended';
  readonly supervision: SupervisionView;
  readonly target: { readonly userId: string | null; readonly name: string };
}

/** A closed call and the teams whose supervisors may see it. */
export interface KeptCall {
  readonly call: CallView;
  readonly teams: readonly string[];
}

export interface Archive {
  /** Newest first. */
  history(query: HistoryQuery): Promise<Page<CallView>>;
  /** Newest first. */
  audit(query: AuditQuery): Promise<Page<AuditEntry>>;
  /** null where there is no such call. */
  call(callId: string): Promise<KeptCall | null>;
  /** In the order of what happened; empty where there is no such call. */
  timeline(callId: string): Promise<readonly TimelineEntry[]>;
  /**
   * Resolves once every record written so far is on disk. Rejects where that has failed; the records are kept and tried
   * again.
   */
  durable(): Promise<void>;
}
