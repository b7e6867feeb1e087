-- What people are told of. The outbox of version 1 was filled and never read.
DROP TABLE outbox;

-- Each spell of trouble, as it stands; `due_at` (seconds since the epoch) is NULL once it is out of mind.
CREATE TABLE alerts (
    id      INTEGER PRIMARY KEY,
    state   TEXT NOT NULL,
    last_at REAL NOT NULL,
    due_at  REAL,
    body    TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_in_mind ON alerts (id) WHERE due_at IS NOT NULL;

-- Messages, before they have words, and how far each is on its way to each target.
CREATE TABLE notices (id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE outbox (
    notice   INTEGER NOT NULL,
    target   TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'failed')),
    tries    INTEGER NOT NULL,
    again_at REAL NOT NULL,
    done_at  REAL,
    error    TEXT NOT NULL,
    PRIMARY KEY (notice, target)
) STRICT;
CREATE INDEX outbox_waiting ON outbox (notice) WHERE state = 'waiting';

-- When nobody wants to be told of what. Globs; times in seconds since the epoch. Written by commands, read by the daemon.
CREATE TABLE silences (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    since   REAL NOT NULL,
    until   REAL NOT NULL,
    client  TEXT NOT NULL,
    server  TEXT NOT NULL,
    code    TEXT NOT NULL,
    comment TEXT NOT NULL
) STRICT;
