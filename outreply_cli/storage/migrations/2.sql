CREATE TABLE deliveries (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT NOT NULL,
    received_at DOUBLE PRECISION NOT NULL, event TEXT NOT NULL, verified INTEGER NOT NULL,
    reason TEXT, duplicate INTEGER NOT NULL, status INTEGER NOT NULL,
    headers TEXT NOT NULL, body BYTEA NOT NULL
);
CREATE UNIQUE INDEX deliveries_first ON deliveries (id) WHERE verified = 1 AND duplicate = 0;
CREATE INDEX deliveries_by_id ON deliveries (id, verified);
CREATE INDEX deliveries_by_event ON deliveries (event, number);
CREATE INDEX deliveries_by_time ON deliveries (received_at);
CREATE INDEX deliveries_refused ON deliveries (number) WHERE verified = 0;
CREATE TABLE forwards (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, delivery BIGINT NOT NULL,
    target TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    due_at DOUBLE PRECISION, status INTEGER, error TEXT, milliseconds DOUBLE PRECISION
);
CREATE INDEX forwards_of ON forwards (delivery);
CREATE INDEX forwards_queued ON forwards (target, number) WHERE state IN ('queued', 'running');
CREATE INDEX forwards_due ON forwards (target, due_at, number) WHERE state = 'queued';
CREATE INDEX forwards_failed ON forwards (delivery)
    WHERE state IN ('failed', 'skipped') OR (state = 'queued' AND attempts > 0);
CREATE TABLE attempts (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, delivery BIGINT NOT NULL,
    target TEXT NOT NULL, started_at DOUBLE PRECISION NOT NULL,
    milliseconds DOUBLE PRECISION NOT NULL, status INTEGER, error TEXT, headers TEXT,
    body BYTEA, truncated INTEGER, connect_ms DOUBLE PRECISION, first_byte_ms DOUBLE PRECISION
);
CREATE INDEX attempts_of ON attempts (delivery, target, number);
CREATE TABLE targets (
    name TEXT PRIMARY KEY, fence BIGINT NOT NULL, holder TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
