-- The journal of what was taken and told. One transaction for each turn of the daemon's loop.

-- Single facts: key (of digests), life (of change numbers), catalogue (digest of the rules), watermark.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

-- Where to resume each stream, and where its reader stood there. `number` is the order in which streams became known.
CREATE TABLE cursors (
    stream    TEXT PRIMARY KEY,
    number    INTEGER NOT NULL,
    source    TEXT NOT NULL,
    cursor    TEXT,
    lines     INTEGER NOT NULL,
    unparsed  INTEGER NOT NULL,
    oversized INTEGER NOT NULL,
    format    TEXT NOT NULL,
    learnt    TEXT NOT NULL
) STRICT;

-- The turns that took something, with the watermark (seconds since the epoch) behind which each one decided.
CREATE TABLE turns (id INTEGER PRIMARY KEY AUTOINCREMENT, watermark REAL) STRICT;

-- Parsed lines of connectors, secrets digested: what a new engine is fed after a restart.
CREATE TABLE records (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    turn    INTEGER NOT NULL,
    stream  TEXT NOT NULL,
    line    INTEGER NOT NULL,
    at      REAL NOT NULL,
    seen_at REAL,
    body    TEXT NOT NULL
) STRICT;
CREATE INDEX records_by_turn ON records (turn);

-- What was told, in order. The id is the number that readers of the event stream resume at.
CREATE TABLE changes (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      REAL NOT NULL,
    kind    TEXT NOT NULL,
    attempt TEXT NOT NULL,
    step    TEXT
) STRICT;

-- Every attempt as it was last told.
CREATE TABLE attempts (
    id         TEXT PRIMARY KEY,
    started_at REAL NOT NULL,
    ended_at   REAL NOT NULL,
    client     TEXT NOT NULL,
    server     TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    open       INTEGER NOT NULL,
    body       TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_by_start ON attempts (started_at);
CREATE INDEX attempts_by_end ON attempts (ended_at);
CREATE INDEX attempts_open ON attempts (id) WHERE open;

-- What people are to be told of: once for each attempt, diagnosis and kind of news, whatever is restarted.
CREATE TABLE outbox (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    attempt TEXT NOT NULL,
    code    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    at      REAL NOT NULL,
    UNIQUE (attempt, code, kind)
) STRICT;
