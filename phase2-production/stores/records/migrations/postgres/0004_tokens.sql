-- Refresh tokens, access tokens that were revoked, and the keys that sign.

-- All tokens that came of one login, one after the other.
CREATE TABLE refresh_families (
    family TEXT NOT NULL PRIMARY KEY CHECK (family <> ''),
    organisation TEXT NOT NULL REFERENCES organisations (name),
    username TEXT NOT NULL REFERENCES users (username),
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoked_reason TEXT
);
CREATE INDEX refresh_families_of_user ON refresh_families (username);
CREATE INDEX refresh_families_by_end ON refresh_families (expires_at);
ALTER TABLE refresh_families ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_families FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON refresh_families
    USING (organisation = current_setting('app.organisation', true));
CREATE POLICY housekeeping_reads ON refresh_families FOR SELECT
    USING (current_setting('app.housekeeping', true) = 'on');
CREATE POLICY housekeeping_removes ON refresh_families FOR DELETE
    USING (current_setting('app.housekeeping', true) = 'on');
GRANT SELECT, INSERT, DELETE ON refresh_families TO upload_app;
GRANT UPDATE (last_used_at, revoked_at, revoked_reason) ON refresh_families TO upload_app;

CREATE TABLE refresh_tokens (
    -- SHA-256 of the token, in hexadecimal.
    proof TEXT NOT NULL PRIMARY KEY CHECK (length(proof) = 64),
    family TEXT NOT NULL REFERENCES refresh_families (family) ON DELETE CASCADE,
    organisation TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    used_at BIGINT,
    -- Encrypted: the token that took this one's place, for a caller whose answer was
    -- lost. Wiped when the grace is over.
    successor_sealed TEXT
);
CREATE INDEX refresh_tokens_of_family ON refresh_tokens (family);
ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON refresh_tokens
    USING (organisation = current_setting('app.organisation', true));
-- Says which organisation it belongs to; everything else is done in that scope.
CREATE POLICY by_proof ON refresh_tokens FOR SELECT
    USING (proof = current_setting('app.proof', true));
CREATE POLICY housekeeping_reads ON refresh_tokens FOR SELECT
    USING (current_setting('app.housekeeping', true) = 'on');
CREATE POLICY housekeeping_changes ON refresh_tokens FOR UPDATE
    USING (current_setting('app.housekeeping', true) = 'on');
-- Rows go with their family.
GRANT SELECT, INSERT ON refresh_tokens TO upload_app;
GRANT UPDATE (used_at, successor_sealed) ON refresh_tokens TO upload_app;

-- The deny list. A Redis that was flushed is filled from here.
CREATE TABLE revoked_tokens (
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL,
    organisation TEXT NOT NULL REFERENCES organisations (name),
    revoked_at BIGINT NOT NULL,
    -- Of the token: after this nobody takes it anyway.
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, jti)
);
CREATE INDEX revoked_tokens_by_end ON revoked_tokens (expires_at);
ALTER TABLE revoked_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE revoked_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organisation ON revoked_tokens
    USING (organisation = current_setting('app.organisation', true));
CREATE POLICY housekeeping_reads ON revoked_tokens FOR SELECT
    USING (current_setting('app.housekeeping', true) = 'on');
CREATE POLICY housekeeping_removes ON revoked_tokens FOR DELETE
    USING (current_setting('app.housekeeping', true) = 'on');
GRANT SELECT, INSERT, DELETE ON revoked_tokens TO upload_app;

CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY CHECK (kid <> ''),
    algorithm TEXT NOT NULL,
    -- Encrypted with a key that is not in this database.
    private_sealed TEXT NOT NULL,
    public_jwk TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Published before it signs, so that every verifier knows it by then.
    signs_from BIGINT NOT NULL,
    -- Published until then, as long as what it signed may live.
    retires_at BIGINT
);
ALTER TABLE signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE signing_keys FORCE ROW LEVEL SECURITY;
-- They belong to no organisation: a request of one never sees them.
CREATE POLICY housekeeping ON signing_keys
    USING (current_setting('app.housekeeping', true) = 'on');
GRANT SELECT, INSERT, DELETE ON signing_keys TO upload_app;
GRANT UPDATE (retires_at) ON signing_keys TO upload_app;
