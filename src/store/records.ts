/** A record as it crosses from the server's thread to the thread of the database. */
import type { JournalRecord } from '../control/ports.ts';

/** With the id that makes it unique, and for a call the teams whose supervisors may see it. */
export interface Stamped {
  readonly id: string;
  readonly record: JournalRecord;
  readonly teams: readonly string[];
}
