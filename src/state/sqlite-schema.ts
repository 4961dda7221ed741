/** What stands in the database: each change of its form is one function of the list, and none is ever edited or taken out. */
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
]
