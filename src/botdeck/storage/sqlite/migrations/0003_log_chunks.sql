-- A row of the log is a stretch of output as it came (`data` is a BLOB of `count` whole lines, each with its line feed;
-- level is NULL), or one finished line (`data` is TEXT). The lines of a row have the ids from `id` on.
CREATE TABLE log_chunk (
    id INTEGER PRIMARY KEY,
    bot TEXT NOT NULL,
    run TEXT NOT NULL,
    time INTEGER NOT NULL,
    received INTEGER NOT NULL,
    count INTEGER NOT NULL,
    stream TEXT NOT NULL,
    level TEXT,
    data BLOB NOT NULL
);
INSERT INTO log_chunk (id, bot, run, time, received, count, stream, level, data)
    SELECT id, bot, run, time, received, 1, stream, level, text FROM log ORDER BY id;
CREATE INDEX log_chunk_bot ON log_chunk (bot);

-- One row: the last id that was given to a line. None is given twice, also when the newest lines were removed.
CREATE TABLE last_line (one INTEGER PRIMARY KEY CHECK (one = 1), id INTEGER NOT NULL);
INSERT INTO last_line SELECT 1, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'log'), 0);

DROP TABLE log;
