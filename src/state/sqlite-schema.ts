/** What stands in the database: each change of its form is one function of the list, and none is ever edited or taken out. */
import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'

/** `CHAP`: tells this database from those of other applications. */
export const APPLICATION_ID = 0x43_48_41_50

export const MIGRATIONS: readonly ((raw: DatabaseSync) => void)[] = [
  (raw) =>
    raw.exec(`
      CREATE TABLE marks (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        latest INTEGER NOT NULL,
        hold INTEGER NOT NULL,
        restriction INTEGER NOT NULL
      ) STRICT;
      INSERT INTO marks VALUES (1, 0, 0, 0);
      CREATE TABLE counters (
        key TEXT PRIMARY KEY,
        budget TEXT NOT NULL,
        used INTEGER NOT NULL,
        lim INTEGER NOT NULL,
        scale INTEGER,
        begins INTEGER NOT NULL,
        ends INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE holds (
        id INTEGER PRIMARY KEY,
        call TEXT NOT NULL,
        instance TEXT NOT NULL,
        log TEXT NOT NULL,
        debits TEXT NOT NULL
      ) STRICT;
      CREATE TABLE restrictions (
        id INTEGER PRIMARY KEY,
        target TEXT NOT NULL,
        kind TEXT NOT NULL,
        at INTEGER NOT NULL,
        why TEXT NOT NULL,
        said_by TEXT NOT NULL,
        until INTEGER
      ) STRICT;
      CREATE TABLE instances (
        instance TEXT PRIMARY KEY,
        pid INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        heartbeat_at INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        seen_at INTEGER,
        log TEXT NOT NULL,
        mandates TEXT NOT NULL,
        upstreams TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
    `),
  (raw) => {
    raw.exec(`
      CREATE TABLE secrets (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        word_key TEXT NOT NULL
      ) STRICT;
      CREATE TABLE tasks (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        mandate TEXT NOT NULL,
        agent TEXT NOT NULL,
        task TEXT NOT NULL,
        began INTEGER NOT NULL,
        last INTEGER NOT NULL,
        seq INTEGER NOT NULL DEFAULT 0,
        base INTEGER NOT NULL DEFAULT 0,
        written TEXT,
        ended_at INTEGER,
        ended_by TEXT,
        ended_why TEXT
      ) STRICT;
      CREATE UNIQUE INDEX live_tasks ON tasks (mandate, agent, task) WHERE ended_at IS NULL;
      CREATE TABLE task_events (
        task INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        writer TEXT NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (task, seq)
      ) STRICT, WITHOUT ROWID;
    `)
    raw.prepare('INSERT INTO secrets VALUES (1, ?)').run(randomBytes(32).toString('base64url'))
  },
  // What is written down as a whole is large, and a row is written as a whole with each event of its task.
  (raw) =>
    raw.exec(`
      CREATE TABLE task_written (
        task INTEGER PRIMARY KEY,
        written TEXT NOT NULL
      ) STRICT;
      INSERT INTO task_written SELECT id, written FROM tasks WHERE written IS NOT NULL;
      ALTER TABLE tasks DROP COLUMN written;
    `),
  (raw) => raw.exec('ALTER TABLE marks ADD COLUMN resets INTEGER NOT NULL DEFAULT 0'),
]
