-- Organisations, their people, and what those did.
-- Times are milliseconds since 1970.

CREATE TABLE organisations (
    name TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    username TEXT NOT NULL PRIMARY KEY CHECK (username <> ''),
    organisation TEXT NOT NULL REFERENCES organisations (name),
    role TEXT NOT NULL CHECK (role IN ('member', 'admin')),
    -- Argon2id, in PHC form.
    password_hash TEXT NOT NULL,
    -- Rises when everything signed before must die; tokens and sessions carry it.
    epoch BIGINT NOT NULL DEFAULT 1,
    disabled_at BIGINT,
    last_login_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX users_of_organisation ON users (organisation, username);

-- Only ever added to.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation TEXT NOT NULL REFERENCES organisations (name),
    at BIGINT NOT NULL,
    -- The X-Request-ID of the request that did it.
    request_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
);
CREATE INDEX audit_of_organisation ON audit (organisation, id);
