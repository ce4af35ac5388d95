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
