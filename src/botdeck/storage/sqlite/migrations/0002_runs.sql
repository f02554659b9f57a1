ALTER TABLE run ADD COLUMN cause TEXT;
ALTER TABLE run ADD COLUMN operator TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN stop_timed_out INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN cpu_s REAL;
ALTER TABLE run ADD COLUMN peak_memory_bytes INTEGER;

-- Apart from the runs, whose lists are read often: one may have some hundred kilobytes. Ids grow in the order of storing.
CREATE TABLE post_mortem (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bot TEXT NOT NULL,
    run TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (bot, run)
);
