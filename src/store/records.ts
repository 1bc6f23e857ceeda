/** What is written and what is read, as it crosses from the server's thread to the thread of the database. */
import type { CallView } from '../call/views.ts';
import type { JournalRecord } from '../control/ports.ts';
import type { TimelineEntry } from '../control/service.ts';

/** A record with the id that makes it unique, and for a call the teams whose supervisors may see it. */
export interface Stamped {
  readonly id: string;
  readonly record: JournalRecord;
  readonly teams: readonly string[];
}

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

export interface AuditEntry {
  readonly id: string;
  readonly at: string;
  readonly event: 'started' | 'updated' | 'ended';
  readonly supervision: Extract<JournalRecord, { kind: 'audit' }>['supervision'];
  readonly target: { readonly userId: string | null; readonly name: string };
}

/** Whether a timeline that is kept belongs to a call that one may see. */
export interface KeptTimeline {
  readonly teams: readonly string[];
  readonly entries: readonly TimelineEntry[];
}
