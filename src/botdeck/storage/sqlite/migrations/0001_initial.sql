-- Times are whole microseconds since 1970 in UTC. `received` is the deck's clock, `time` the bot's or the runner's.

-- How far each stream was applied. `carry` is the beginning of an unfinished line.
CREATE TABLE cursor (
    stream TEXT NOT NULL PRIMARY KEY,
    bot TEXT NOT NULL,
    offset INTEGER NOT NULL,
    carry BLOB NOT NULL,
    over INTEGER NOT NULL DEFAULT 0,
    received INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX cursor_open ON cursor (bot, stream) WHERE over = 0;

-- AUTOINCREMENT: an id is never given twice, also when the newest rows were removed.
-- An index on (bot) is one on (bot, id), for the rowid is the tail of every index.
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bot TEXT NOT NULL,
    run TEXT NOT NULL,
    seq INTEGER,
    time INTEGER NOT NULL,
    received INTEGER NOT NULL,
    event TEXT NOT NULL,
    fields TEXT NOT NULL
);
CREATE INDEX event_bot ON event (bot);

CREATE TABLE log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bot TEXT NOT NULL,
    run TEXT NOT NULL,
    time INTEGER NOT NULL,
    received INTEGER NOT NULL,
    stream TEXT NOT NULL,
    level TEXT,
    text TEXT NOT NULL
);
CREATE INDEX log_bot ON log (bot);

-- Totals that must never be counted from rows: users, and how many events and lines are kept.
CREATE TABLE counter (
    bot TEXT NOT NULL,
    name TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (bot, name)
) WITHOUT ROWID;

-- Counts per quarter of an hour: a calendar day of any time zone is a sum of them.
CREATE TABLE bucket (
    bot TEXT NOT NULL,
    metric TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (bot, metric, bucket)
) WITHOUT ROWID;

CREATE TABLE command_bucket (
    bot TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    command TEXT NOT NULL,
    outcome TEXT NOT NULL,
    n INTEGER NOT NULL,
    duration_ms_sum REAL NOT NULL,
    duration_ms_max REAL NOT NULL,
    PRIMARY KEY (bot, bucket, command, outcome)
) WITHOUT ROWID;

CREATE TABLE active_command (
    bot TEXT NOT NULL,
    run TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    user TEXT,
    started INTEGER NOT NULL,
    PRIMARY KEY (bot, run, id)
) WITHOUT ROWID;
CREATE INDEX active_command_started ON active_command (bot, started);

CREATE TABLE person (
    bot TEXT NOT NULL,
    uid TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    n INTEGER NOT NULL,
    name TEXT,
    PRIMARY KEY (bot, uid)
) WITHOUT ROWID;

-- Messages that were counted, so that a second report of one (shards, replays of history) is not.
CREATE TABLE seen_message (
    id INTEGER PRIMARY KEY,
    bot TEXT NOT NULL,
    key TEXT NOT NULL,
    received INTEGER NOT NULL,
    UNIQUE (bot, key)
);

CREATE TABLE run (
    bot TEXT NOT NULL,
    id TEXT NOT NULL,
    started INTEGER NOT NULL,
    pid INTEGER,
    ended INTEGER,
    exit_code INTEGER,
    signal TEXT,
    reason TEXT NOT NULL,
    PRIMARY KEY (bot, id)
) WITHOUT ROWID;
CREATE INDEX run_started ON run (bot, started);

CREATE TABLE document (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

CREATE TABLE record (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX record_kind ON record (kind);

-- One row, written by the health check.
CREATE TABLE pulse (id INTEGER PRIMARY KEY CHECK (id = 1), n INTEGER NOT NULL);
INSERT INTO pulse VALUES (1, 0);
