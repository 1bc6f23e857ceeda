/**
 * The tables. `audit` and `timeline` are append-only: triggers refuse UPDATE and DELETE whoever asks. Every record has a
 * unique id, so that writing it twice changes nothing.
 */
import type { DatabaseSync } from 'node:sqlite';

/** One entry a version; an older file is brought up to date by those that it has not seen. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE timeline (
    seq     INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,
    call_id TEXT NOT NULL,
    at      TEXT NOT NULL,
    type    TEXT NOT NULL,
    by      TEXT,
    data    TEXT NOT NULL
  ) STRICT;
  CREATE INDEX timeline_call ON timeline (call_id, seq);

  CREATE TABLE audit (
    seq            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    at             TEXT NOT NULL,
    event          TEXT NOT NULL CHECK (event IN ('started', 'updated', 'ended')),
    supervision_id TEXT NOT NULL,
    call_id        TEXT NOT NULL,
    supervisor_id  TEXT NOT NULL,
    target_user_id TEXT,
    data           TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_supervision ON audit (supervision_id);
  CREATE INDEX audit_call ON audit (call_id);

  CREATE TABLE calls (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    started_at  TEXT NOT NULL,
    ended_at    TEXT NOT NULL,
    direction   TEXT NOT NULL,
    queue       TEXT,
    agent_id    TEXT,
    supervised  INTEGER NOT NULL CHECK (supervised IN (0, 1)),
    text        TEXT NOT NULL,
    data        TEXT NOT NULL
  ) STRICT;
  CREATE INDEX calls_started ON calls (started_at, seq);
  CREATE TABLE call_teams (
    call_id TEXT NOT NULL,
    team    TEXT NOT NULL,
    PRIMARY KEY (call_id, team)
  ) STRICT, WITHOUT ROWID;

  -- Up to which record nothing is left open: what a start looks through begins behind it.
  CREATE TABLE settled (
    name TEXT PRIMARY KEY,
    seq  INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO settled VALUES ('audit', 0), ('timeline', 0);

  CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
  CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
  -- REPLACE deletes without asking the trigger of DELETE: a record that is there is not written again, whatever the verb.
  CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id OR seq = NEW.seq) BEGIN SELECT RAISE(IGNORE); END;
  CREATE TRIGGER timeline_no_replace BEFORE INSERT ON timeline
    WHEN EXISTS (SELECT 1 FROM timeline WHERE id = NEW.id OR seq = NEW.seq) BEGIN SELECT RAISE(IGNORE); END;
  CREATE TRIGGER timeline_no_update BEFORE UPDATE ON timeline BEGIN SELECT RAISE(ABORT, 'timeline is append-only'); END;
  CREATE TRIGGER timeline_no_delete BEFORE DELETE ON timeline BEGIN SELECT RAISE(ABORT, 'timeline is append-only'); END;
  `,
];

/** Throws where the file is of a newer version of Earshot, or is not a database. */
export function prepare(db: DatabaseSync): void {
  // FULL: a commit is on disk when it returns, also when the power fails. EXCLUSIVE: one server a file.
  db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  db.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;');
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > MIGRATIONS.length) {
    throw new Error(`the file is of a newer version of Earshot (${version}, this one knows ${MIGRATIONS.length})`);
  }
  for (let next = version; next < MIGRATIONS.length; next++) {
    db.exec('BEGIN IMMEDIATE');
    try {
      db.exec(MIGRATIONS[next]!);
      db.exec(`PRAGMA user_version = ${next + 1}`);
      db.exec('COMMIT');
    } catch (error) {
      db.exec('ROLLBACK');
      throw error;
    }
  }
}
