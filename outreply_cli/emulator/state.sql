-- The tables of an emulator's state.
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, email TEXT NOT NULL, firstname TEXT NOT NULL, lastname TEXT NOT NULL,
    tier TEXT NOT NULL, credits INTEGER NOT NULL, limits TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id), secret TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, scopes TEXT NOT NULL, brand_ids TEXT NOT NULL DEFAULT '[]',
    expires_at REAL, revoked_at REAL, last_used_at REAL, request_count INTEGER NOT NULL DEFAULT 0,
    ip_allowlist TEXT NOT NULL DEFAULT '[]', on_behalf_of_brand_id TEXT REFERENCES brands(id),
    issued_by_collaborator_id TEXT, has_full_access INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS brands (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id), name TEXT NOT NULL,
    logo TEXT, timezone TEXT NOT NULL, created_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pages (
    id TEXT PRIMARY KEY, brand_id TEXT NOT NULL REFERENCES brands(id), platform TEXT NOT NULL,
    name TEXT NOT NULL, username TEXT NOT NULL, followers INTEGER NOT NULL,
    expired INTEGER NOT NULL DEFAULT 0, profile_picture TEXT, created_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS posts (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, page_id TEXT NOT NULL REFERENCES pages(id),
    status TEXT NOT NULL, scheduled_at REAL, published_at REAL, message TEXT, media TEXT NOT NULL,
    first_comment TEXT, tiktok_settings TEXT, link TEXT, created_at REAL NOT NULL,
    remote_id TEXT UNIQUE, permalink TEXT, likes INTEGER NOT NULL DEFAULT 0,
    shares INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS posts_due ON posts (status, scheduled_at);
CREATE INDEX IF NOT EXISTS posts_published ON posts (status, published_at);
CREATE INDEX IF NOT EXISTS posts_of_page ON posts (page_id, status, scheduled_at);
CREATE INDEX IF NOT EXISTS posts_published_of_page ON posts (page_id, status, published_at);
CREATE INDEX IF NOT EXISTS posts_at ON posts (page_id, coalesce(published_at, scheduled_at))
    WHERE status IN ('scheduled', 'published');
CREATE TABLE IF NOT EXISTS comments (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, post_id TEXT NOT NULL REFERENCES posts(id),
    parent_id TEXT, author_name TEXT NOT NULL, author_username TEXT NOT NULL,
    message TEXT NOT NULL, created_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS comments_of_post ON comments (post_id, created_at);
CREATE INDEX IF NOT EXISTS replies_of_comment ON comments (parent_id) WHERE parent_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS arrivals (
    number INTEGER PRIMARY KEY, due_at REAL NOT NULL, post_id TEXT NOT NULL REFERENCES posts(id),
    parent_id TEXT, author_name TEXT NOT NULL, author_username TEXT NOT NULL, message TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS arrivals_due ON arrivals (due_at);
CREATE TABLE IF NOT EXISTS media (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL REFERENCES users(id),
    filename TEXT NOT NULL, size_bytes INTEGER NOT NULL, mime_type TEXT NOT NULL,
    sha256 TEXT NOT NULL, created_at REAL NOT NULL, deleted_at REAL, width INTEGER, height INTEGER,
    seconds REAL
);
CREATE INDEX IF NOT EXISTS media_of_user ON media (user_id, deleted_at, created_at);
CREATE TABLE IF NOT EXISTS post_media (
    post_id TEXT NOT NULL REFERENCES posts(id), media_id TEXT NOT NULL REFERENCES media(id),
    PRIMARY KEY (post_id, media_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS posts_of_media ON post_media (media_id);
CREATE TABLE IF NOT EXISTS hooks (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL REFERENCES users(id),
    url TEXT NOT NULL, events TEXT NOT NULL, secret TEXT NOT NULL, previous_secret TEXT,
    rotated_at REAL, disabled_at REAL, failures INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL, brand_ids TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, hook_id TEXT NOT NULL REFERENCES hooks(id),
    event TEXT NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL, due_at REAL,
    attempts INTEGER NOT NULL DEFAULT 0, status INTEGER, error TEXT, milliseconds REAL, last_at REAL
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_of_hook ON deliveries (hook_id, number);
CREATE TABLE IF NOT EXISTS idempotency (
    token_id TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, created_at REAL NOT NULL, PRIMARY KEY (token_id, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS idempotency_age ON idempotency (created_at);
CREATE TABLE IF NOT EXISTS usage (
    user_id TEXT NOT NULL, month TEXT NOT NULL, bucket TEXT NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (user_id, month, bucket)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS attempts (
    number INTEGER PRIMARY KEY, delivery_id TEXT NOT NULL, at REAL NOT NULL, status INTEGER,
    error TEXT, milliseconds REAL
);
CREATE INDEX IF NOT EXISTS attempts_of_delivery ON attempts (delivery_id);
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, event TEXT NOT NULL, token_id TEXT NOT NULL,
    token_name TEXT NOT NULL, actor TEXT, brand_id TEXT, method TEXT, path TEXT, status INTEGER,
    code TEXT, ip TEXT, milliseconds REAL, denied_scope TEXT
);
