-- Files, uploads under way, idempotency keys and quotas.
-- Times are milliseconds since 1970, sizes are bytes.

-- One row a file. It is written after its bytes are on disk, and in the transaction that
-- charges them: there is never a row without bytes.
CREATE TABLE files (
    -- UUID version 7: sorted by id is sorted by age.
    file_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations (name),
    owner TEXT NOT NULL REFERENCES users (username),
    name TEXT NOT NULL,
    size BIGINT NOT NULL CHECK (size >= 0),
    content_type TEXT NOT NULL,
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    blob_key TEXT NOT NULL UNIQUE,
    uploaded_at BIGINT NOT NULL
);
CREATE INDEX files_of_owner ON files (organisation, owner, file_id);
ALTER TABLE files ENABLE ROW LEVEL SECURITY;
ALTER TABLE files FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON files
    USING (organisation = current_setting('app.organisation', true));
-- A janitor that finds bytes asks whether a row names them.
CREATE POLICY janitor_looks ON files FOR SELECT
    USING (current_setting('app.housekeeping', true) = 'on');
GRANT SELECT, INSERT, DELETE ON files TO upload_app;

-- Uploads in steps. Until it is done, all of its size is reserved.
CREATE TABLE uploads (
    upload_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('presigned', 'tus')),
    organisation TEXT NOT NULL REFERENCES organisations (name),
    owner TEXT NOT NULL REFERENCES users (username),
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size BIGINT NOT NULL CHECK (size >= 0),
    -- Bytes that are there: the sum of the parts. Only ever compared and set.
    received BIGINT NOT NULL DEFAULT 0 CHECK (received >= 0 AND received <= size),
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done')),
    -- Where a presigned PUT writes.
    blob_key TEXT UNIQUE,
    -- SHA-256 of the caller's idempotency key.
    idempotency_key TEXT CHECK (length(idempotency_key) = 64),
    -- What the completion answered, once it is done.
    answer TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX uploads_of_owner ON uploads (organisation, owner, upload_id);
CREATE INDEX uploads_by_end ON uploads (expires_at);
ALTER TABLE uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON uploads
    USING (organisation = current_setting('app.organisation', true));
CREATE POLICY janitor_looks ON uploads FOR SELECT
    USING (current_setting('app.housekeeping', true) = 'on');
GRANT SELECT, INSERT, DELETE ON uploads TO upload_app;
GRANT UPDATE (received, state, answer, updated_at) ON uploads TO upload_app;

-- The pieces of a tus upload, each durable before its row.
CREATE TABLE upload_parts (
    upload_id TEXT NOT NULL REFERENCES uploads (upload_id) ON DELETE CASCADE,
    organisation TEXT NOT NULL REFERENCES organisations (name),
    starts_at BIGINT NOT NULL CHECK (starts_at >= 0),
    size BIGINT NOT NULL CHECK (size > 0),
    blob_key TEXT NOT NULL UNIQUE,
    PRIMARY KEY (upload_id, starts_at)
);
ALTER TABLE upload_parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE upload_parts FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON upload_parts
    USING (organisation = current_setting('app.organisation', true));
CREATE POLICY janitor_looks ON upload_parts FOR SELECT
    USING (current_setting('app.housekeeping', true) = 'on');
GRANT SELECT, INSERT, DELETE ON upload_parts TO upload_app;

-- The first answer to each key. It is written with the file it speaks of, and outlives it:
-- a retry that comes after the deletion gets the same answer, and brings nothing back.
CREATE TABLE idempotency_keys (
    organisation TEXT NOT NULL REFERENCES organisations (name),
    username TEXT NOT NULL REFERENCES users (username),
    -- SHA-256 of the key: of fixed length, whatever the caller sent.
    key TEXT NOT NULL CHECK (length(key) = 64),
    -- What was uploaded: the same key with another one is a mistake of the caller.
    fingerprint TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (organisation, username, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON idempotency_keys
    USING (organisation = current_setting('app.organisation', true));
CREATE POLICY janitor_looks ON idempotency_keys FOR SELECT
    USING (current_setting('app.housekeeping', true) = 'on');
CREATE POLICY janitor_removes ON idempotency_keys FOR DELETE
    USING (current_setting('app.housekeeping', true) = 'on');
GRANT SELECT, INSERT, DELETE ON idempotency_keys TO upload_app;

-- What one person's files fill, and what their uploads under way will.
CREATE TABLE quotas (
    username TEXT NOT NULL PRIMARY KEY REFERENCES users (username),
    organisation TEXT NOT NULL REFERENCES organisations (name),
    used_bytes BIGINT NOT NULL DEFAULT 0 CHECK (used_bytes >= 0),
    reserved_bytes BIGINT NOT NULL DEFAULT 0 CHECK (reserved_bytes >= 0),
    -- NULL: what the server allows everybody.
    limit_bytes BIGINT CHECK (limit_bytes >= 0)
);
ALTER TABLE quotas ENABLE ROW LEVEL SECURITY;
ALTER TABLE quotas FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON quotas
    USING (organisation = current_setting('app.organisation', true));
GRANT SELECT, INSERT ON quotas TO upload_app;
GRANT UPDATE (used_bytes, reserved_bytes) ON quotas TO upload_app;
