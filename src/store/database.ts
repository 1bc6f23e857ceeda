/** All SQL. Synchronous: it runs in a thread of its own (worker.ts). */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { CallView } from '../call/views.ts';
import type { AuditEntry, AuditQuery, HistoryQuery, KeptCall, Page } from '../control/archive.ts';
import type { TimelineEntry } from '../control/service.ts';
import type { Stamped } from './records.ts';
import { recover, settle } from './recover.ts';
import { prepare } from './schema.ts';

type Row = Record<string, unknown>;

export class Database {
  readonly #db: DatabaseSync;
  readonly #timeline: StatementSync;
  readonly #audit: StatementSync;
  readonly #call: StatementSync;
  readonly #team: StatementSync;

  /** Opens or makes the file, and ends what a killed server has left open. `now`: ISO 8601, UTC. */
  constructor(path: string, now: string) {
    this.#db = new DatabaseSync(path);
    try {
      prepare(this.#db);
      this.#timeline = this.#db.prepare(
        'INSERT OR IGNORE INTO timeline (id, call_id, at, type, by, data) VALUES (?, ?, ?, ?, ?, ?)',
      );
      this.#audit = this.#db.prepare(
        'INSERT OR IGNORE INTO audit (id, at, event, supervision_id, call_id, supervisor_id, target_user_id, data) ' +
          'VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      );
      this.#call = this.#db.prepare(
        'INSERT OR IGNORE INTO calls (id, started_at, ended_at, direction, queue, agent_id, supervised, text, data) ' +
          'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      );
      this.#team = this.#db.prepare('INSERT OR IGNORE INTO call_teams (call_id, team) VALUES (?, ?)');
      this.write(recover(this.#db, now));
      settle(this.#db);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** One transaction: all of the batch is on disk when it returns, or nothing of it where it throws. */
  write(batch: readonly Stamped[]): void {
    if (batch.length === 0) return;
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      for (const item of batch) this.#insert(item);
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #insert({ id, record, teams }: Stamped): void {
    switch (record.kind) {
      case 'timeline': {
        const { at, type, by, data } = record.entry;
        this.#timeline.run(id, record.callId, at, type, by, JSON.stringify(data));
        break;
      }
      case 'audit': {
        const { at, supervision, target } = record;
        const event = record.event;
        const data = JSON.stringify({ supervision, target });
        const { callId, supervisor } = supervision;
        this.#audit.run(id, at, event, supervision.id, callId, supervisor.id, target.userId, data);
        break;
      }
      case 'call': {
        const { call } = record;
        this.#call.run(
          call.id,
          call.startedAt,
          call.endedAt ?? call.startedAt,
          call.direction,
          call.queue,
          call.agent?.id ?? null,
          call.supervisions.length > 0 ? 1 : 0,
          searchText(call),
          JSON.stringify(call),
        );
        for (const team of teams) this.#team.run(call.id, team);
        break;
      }
    }
  }

  /** Newest first. */
  history(query: HistoryQuery): Page<CallView> {
    const where = new Where();
    if (query.teams !== null) {
      const marks = query.teams.map(() => '?').join(', ');
      where.add(`id IN (SELECT call_id FROM call_teams WHERE team IN (${marks}))`, ...query.teams);
    }
    if (query.from !== undefined) where.add('started_at >= ?', query.from);
    if (query.to !== undefined) where.add('started_at < ?', query.to);
    if (query.agent !== undefined) where.add('agent_id = ?', query.agent);
    if (query.queue !== undefined) where.add('queue = ?', query.queue);
    if (query.direction !== undefined) where.add('direction = ?', query.direction);
    if (query.supervised !== undefined) where.add('supervised = ?', query.supervised ? 1 : 0);
    if (query.text !== undefined) where.add("text LIKE ? ESCAPE '\\'", `%${escapeLike(query.text.toLowerCase())}%`);
    return this.#page('calls', 'seq, data', where, query, (row) => JSON.parse(String(row['data'])) as CallView);
  }

  /** Newest first. */
  audit(query: AuditQuery): Page<AuditEntry> {
    const where = new Where();
    if (query.supervisor !== null) where.add('supervisor_id = ?', query.supervisor);
    if (query.call !== undefined) where.add('call_id = ?', query.call);
    if (query.supervision !== undefined) where.add('supervision_id = ?', query.supervision);
    if (query.from !== undefined) where.add('at >= ?', query.from);
    if (query.to !== undefined) where.add('at < ?', query.to);
    return this.#page('audit', 'seq, id, at, event, data', where, query, (row) => ({
      id: String(row['id']),
      at: String(row['at']),
      event: row['event'] as AuditEntry['event'],
      ...(JSON.parse(String(row['data'])) as Pick<AuditEntry, 'supervision' | 'target'>),
    }));
  }

  #page<T>(
    table: 'calls' | 'audit',
    columns: string,
    where: Where,
    { limit, after }: { readonly limit: number; readonly after?: number },
    item: (row: Row) => T,
  ): Page<T> {
    if (after !== undefined) where.add('seq < ?', after);
    const sql = `SELECT ${columns} FROM ${table} ${where.sql} ORDER BY seq DESC LIMIT ?`;
    const rows = this.#db.prepare(sql).all(...where.values, limit + 1) as Row[];
    const shown = rows.slice(0, limit);
    const next = rows.length > limit ? Number(shown.at(-1)!['seq']) : null;
    return { items: shown.map(item), next };
  }

  call(callId: string): KeptCall | null {
    const row = this.#db.prepare('SELECT data FROM calls WHERE id = ?').get(callId);
    if (row === undefined) return null;
    return { call: JSON.parse(String(row['data'])) as CallView, teams: this.#teamsOf(callId) };
  }

  /** In the order of what happened. */
  timeline(callId: string): TimelineEntry[] {
    const rows = this.#db.prepare('SELECT at, type, by, data FROM timeline WHERE call_id = ? ORDER BY seq').all(callId);
    return rows.map((row) => ({
      at: String(row['at']),
      type: String(row['type']),
      by: row['by'] === null ? null : String(row['by']),
      data: JSON.parse(String(row['data'])) as TimelineEntry['data'],
    }));
  }

  #teamsOf(callId: string): string[] {
    const rows = this.#db.prepare('SELECT team FROM call_teams WHERE call_id = ? ORDER BY team').all(callId);
    return rows.map((row) => String(row['team']));
  }

  /** Idempotent. */
  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }
}

/** Conditions with their values; a value never becomes part of the SQL. */
class Where {
  readonly #parts: string[] = [];
  readonly values: SQLInputValue[] = [];

  add(condition: string, ...values: readonly SQLInputValue[]): void {
    this.#parts.push(condition);
    this.values.push(...values);
  }

  get sql(): string {
    return this.#parts.length === 0 ? '' : `WHERE ${this.#parts.join(' AND ')}`;
  }
}

/** Everything by which a call is searched, in lower case. */
function searchText(call: CallView): string {
  const words = [call.id, call.customer.number, call.customer.name, call.agent?.id, call.agent?.name, call.queue];
  for (const { name, address } of call.participants) words.push(name, address);
  return [...new Set(words.filter((word) => word !== null && word !== undefined))].join('\n').toLowerCase();
}

function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, String.raw`\$&`);
}
