CREATE TABLE analytics_pages (
    account TEXT NOT NULL, id TEXT NOT NULL, platform TEXT NOT NULL, username TEXT NOT NULL,
    name TEXT NOT NULL, brand_id TEXT NOT NULL, brand_name TEXT NOT NULL, PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE TABLE analytics_posts (
    number INTEGER PRIMARY KEY, account TEXT NOT NULL, id TEXT NOT NULL, page_id TEXT NOT NULL,
    published_at REAL, message TEXT NOT NULL, UNIQUE (account, id)
);
CREATE INDEX analytics_posts_of_page ON analytics_posts (account, page_id);
CREATE TABLE analytics_snapshots (
    number INTEGER PRIMARY KEY, account TEXT NOT NULL, page_id TEXT NOT NULL, day TEXT NOT NULL,
    taken_at REAL NOT NULL, followers INTEGER, truncated INTEGER NOT NULL,
    UNIQUE (account, page_id, day)
);
CREATE TABLE analytics_metrics (
    snapshot INTEGER NOT NULL, post INTEGER NOT NULL, metric TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (snapshot, post, metric)
) WITHOUT ROWID;
