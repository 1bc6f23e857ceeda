/**
 * What a killed server has left open is ended at the next start: every supervision that was started gets the record of
 * its end, every call that has a timeline and no end gets one.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { CallView } from '../call/views.ts';
import type { AuditEntry } from '../control/archive.ts';
import type { Stamped } from './records.ts';

/** End reason of a call that was cut off. */
export const RESTARTED = 'server_restarted';

/** Records to be written. Their ids follow from what they end, so a start that is killed too doubles nothing. */
export function recover(db: DatabaseSync, now: string): Stamped[] {
  return [...supervisions(db, now), ...calls(db, now)];
}

/** To be called once the records are written: the next start need not look at them again. */
export function settle(db: DatabaseSync): void {
  for (const table of ['audit', 'timeline']) {
    db.exec(`UPDATE settled SET seq = coalesce((SELECT max(seq) FROM ${table}), 0) WHERE name = '${table}'`);
  }
}

function supervisions(db: DatabaseSync, now: string): Stamped[] {
  const rows = db
    .prepare(
      `SELECT data FROM audit AS last
       WHERE seq > (SELECT seq FROM settled WHERE name = 'audit')
         AND seq = (SELECT max(seq) FROM audit WHERE supervision_id = last.supervision_id) AND event <> 'ended'
       ORDER BY seq`,
    )
    .all();
  return rows.map((row) => {
    const { supervision, target } = JSON.parse(String(row['data'])) as Pick<AuditEntry, 'supervision' | 'target'>;
    const ended = { ...supervision, state: 'ended', endedAt: now, endReason: 'call_ended' } as const;
    const record = { kind: 'audit', event: 'ended', at: now, supervision: ended, target } as const;
    return { id: `${supervision.id} ended`, record, teams: [] };
  });
}

function calls(db: DatabaseSync, now: string): Stamped[] {
  const rows = db
    .prepare(
      `SELECT call_id, at, data FROM timeline AS first
       WHERE seq > (SELECT seq FROM settled WHERE name = 'timeline')
         AND seq = (SELECT min(seq) FROM timeline WHERE call_id = first.call_id)
         AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.id = first.call_id)
       ORDER BY seq`,
    )
    .all();
  return rows.flatMap((row): Stamped[] => {
    const callId = String(row['call_id']);
    const data = JSON.parse(String(row['data'])) as Partial<Record<string, unknown>>;
    const direction = data['direction'];
    const entry = { at: now, type: 'call.closed', by: null, data: { reason: RESTARTED } };
    const call: CallView = {
      id: callId,
      state: 'closed',
      direction: direction === 'outbound' || direction === 'internal' ? direction : 'inbound',
      customer: { number: '', name: '' },
      agent: null,
      queue: typeof data['queue'] === 'string' ? data['queue'] : null,
      startedAt: String(row['at']),
      answeredAt: null,
      endedAt: now,
      waitSeconds: 0,
      talkSeconds: 0,
      held: false,
      consult: null,
      sentiment: null,
      endReason: RESTARTED,
      participants: [],
      supervisions: [],
      actions: [],
    };
    return [
      { id: `${callId} closed`, record: { kind: 'timeline', callId, entry }, teams: [] },
      { id: `${callId} call`, record: { kind: 'call', call, timeline: [] }, teams: [] },
    ];
  });
}
