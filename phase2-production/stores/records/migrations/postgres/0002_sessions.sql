-- Sessions, and what was uploaded in them.

CREATE TABLE sessions (
    -- SHA-256 of the id, in hexadecimal: an id itself is shorter and is refused here.
    proof TEXT NOT NULL PRIMARY KEY CHECK (length(proof) = 64),
    organisation TEXT NOT NULL REFERENCES organisations (name),
    username TEXT NOT NULL REFERENCES users (username),
    -- As they were at birth. When either changes, all sessions of the user are revoked.
    role TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    -- Rises with every change, so that a cache can tell an old copy from a new one.
    version BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    -- Dead from here on, however busy.
    expires_at BIGINT NOT NULL,
    -- Dead after so many milliseconds without a request.
    idle_ms BIGINT NOT NULL,
    -- Set once and never cleared. The row stays for a while, so that no slow request
    -- and no cache can bring the session back.
    revoked_at BIGINT
);
CREATE INDEX sessions_of_user ON sessions (username, created_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);
-- Replicas ask every moment what has ended lately.
CREATE INDEX sessions_by_revocation ON sessions (revoked_at);
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON sessions
    USING (organisation = current_setting('app.organisation', true));
-- A request that brings a session id names its hash, before anything else is known. It
-- can find and change that one row, and make none.
CREATE POLICY by_proof ON sessions FOR SELECT
    USING (proof = current_setting('app.proof', true));
CREATE POLICY change_by_proof ON sessions FOR UPDATE
    USING (proof = current_setting('app.proof', true));
CREATE POLICY housekeeping_reads ON sessions FOR SELECT
    USING (current_setting('app.housekeeping', true) = 'on');
CREATE POLICY housekeeping_removes ON sessions FOR DELETE
    USING (current_setting('app.housekeeping', true) = 'on');
-- Whose it is and when it ends at the latest cannot be changed.
GRANT SELECT, INSERT, DELETE ON sessions TO upload_app;
GRANT UPDATE (version, last_seen_at, revoked_at) ON sessions TO upload_app;

-- One row a file: parallel uploads each add theirs, and none overwrites another's.
CREATE TABLE session_files (
    proof TEXT NOT NULL REFERENCES sessions (proof) ON DELETE CASCADE,
    -- The version of the session that this row made.
    position BIGINT NOT NULL,
    organisation TEXT NOT NULL,
    name TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (proof, position)
);
ALTER TABLE session_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_files FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON session_files
    USING (organisation = current_setting('app.organisation', true));
CREATE POLICY by_proof ON session_files
    USING (proof = current_setting('app.proof', true));
-- Rows go with their session.
GRANT SELECT, INSERT ON session_files TO upload_app;
