-- What happened to the programs whose logs are read, and the times between which lines of a stream are known to be lost ("gap").
CREATE TABLE marks (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     REAL NOT NULL,
    until  REAL,
    source TEXT NOT NULL,
    what   TEXT NOT NULL,
    detail TEXT NOT NULL,
    UNIQUE (at, source, what, detail)
) STRICT;
CREATE INDEX marks_by_time ON marks (at);
