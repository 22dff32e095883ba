CREATE TABLE composed_texts (
    account TEXT NOT NULL, calendar TEXT NOT NULL, row TEXT NOT NULL,
    scheduled_at TEXT NOT NULL, content TEXT NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (account, calendar, row)
);
CREATE TABLE analytics_pages (
    account TEXT NOT NULL, id TEXT NOT NULL, platform TEXT NOT NULL,
    username TEXT NOT NULL, name TEXT NOT NULL, brand_id TEXT NOT NULL,
    brand_name TEXT NOT NULL, PRIMARY KEY (account, id)
);
CREATE TABLE analytics_posts (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account TEXT NOT NULL,
    id TEXT NOT NULL, page_id TEXT NOT NULL, published_at DOUBLE PRECISION,
    message TEXT NOT NULL, UNIQUE (account, id)
);
CREATE INDEX analytics_posts_of_page ON analytics_posts (account, page_id);
CREATE TABLE analytics_snapshots (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account TEXT NOT NULL,
    page_id TEXT NOT NULL, day TEXT NOT NULL, taken_at DOUBLE PRECISION NOT NULL,
    followers BIGINT, truncated INTEGER NOT NULL, UNIQUE (account, page_id, day)
);
CREATE TABLE analytics_metrics (
    snapshot BIGINT NOT NULL, post BIGINT NOT NULL, metric TEXT NOT NULL, value BIGINT NOT NULL,
    PRIMARY KEY (snapshot, post, metric)
);
