-- Organisations, their people, and what those did.
-- Times are milliseconds since 1970.
--
-- Row level security is FORCEd on every table: a transaction sees the rows of the
-- organisation it named with set_config('app.organisation', …, true), and without one,
-- none. An empty name would match a setting that was never made, so there is none.

GRANT SELECT ON _sqlx_migrations TO upload_app;

CREATE TABLE organisations (
    name TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
    created_at BIGINT NOT NULL
);
ALTER TABLE organisations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organisations FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON organisations
    USING (name = current_setting('app.organisation', true));
GRANT SELECT, INSERT ON organisations TO upload_app;

CREATE TABLE users (
    username TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (username <> ''),
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
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON users
    USING (organisation = current_setting('app.organisation', true));
-- Before somebody has logged in, their organisation is not known: one row, by name.
CREATE POLICY at_login ON users FOR SELECT
    USING (username = current_setting('app.login', true));
-- Who somebody is and where they belong cannot be changed.
GRANT SELECT, INSERT ON users TO upload_app;
GRANT UPDATE (role, password_hash, epoch, disabled_at, last_login_at)
    ON users TO upload_app;

-- Only ever added to: the application may neither change nor delete a row.
CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation TEXT NOT NULL REFERENCES organisations (name),
    at BIGINT NOT NULL,
    -- The X-Request-ID of the request that did it.
    request_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
);
CREATE INDEX audit_of_organisation ON audit (organisation, id);
ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON audit
    USING (organisation = current_setting('app.organisation', true));
GRANT SELECT, INSERT ON audit TO upload_app;
