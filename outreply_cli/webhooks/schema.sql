CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, received_at REAL NOT NULL,
    event TEXT NOT NULL, verified INTEGER NOT NULL, reason TEXT, duplicate INTEGER NOT NULL,
    status INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX deliveries_by_id ON deliveries (id, verified);
CREATE INDEX deliveries_by_event ON deliveries (event, number);
CREATE INDEX deliveries_by_time ON deliveries (received_at);
CREATE INDEX deliveries_refused ON deliveries (number) WHERE verified = 0;
CREATE TABLE forwards (
    number INTEGER PRIMARY KEY AUTOINCREMENT, delivery INTEGER NOT NULL, target TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due_at REAL, status INTEGER,
    error TEXT, milliseconds REAL
);
CREATE INDEX forwards_of ON forwards (delivery);
CREATE INDEX forwards_queued ON forwards (target, number) WHERE state IN ('queued', 'running');
CREATE INDEX forwards_due ON forwards (target, due_at, number) WHERE state = 'queued';
CREATE INDEX forwards_failed ON forwards (delivery)
    WHERE state IN ('failed', 'skipped') OR (state = 'queued' AND attempts > 0);
CREATE TABLE attempts (
    number INTEGER PRIMARY KEY AUTOINCREMENT, delivery INTEGER NOT NULL, target TEXT NOT NULL,
    started_at REAL NOT NULL, milliseconds REAL NOT NULL, status INTEGER, error TEXT,
    headers TEXT, body BLOB, truncated INTEGER, connect_ms REAL, first_byte_ms REAL
);
CREATE INDEX attempts_of ON attempts (delivery, target, number);
