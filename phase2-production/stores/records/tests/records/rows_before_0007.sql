-- Rows as the programs up to migration 6 wrote them. The test puts the SHA-256 of a secret in
-- the place of each name in angle brackets.
INSERT INTO organisations (name, created_at) VALUES ('t1', 1);
INSERT INTO organisations (name, created_at) VALUES ('t2', 1);
INSERT INTO users (username, organisation, role, password_hash, epoch, last_login_at, created_at)
    VALUES ('alice', 't1', 'member', '$argon2id$ of alice', 1, 1700000000000, 1);
INSERT INTO users (username, organisation, role, password_hash, epoch, last_login_at, created_at)
    VALUES ('carol', 't2', 'admin', '$argon2id$ of carol', 3, 1700000000000, 1);
INSERT INTO audit (organisation, at, request_id, actor, action, subject)
    VALUES ('t1', 1, 'request-1', 'alice', 'file.stored', 'f');
INSERT INTO sessions (proof, organisation, username, role, epoch, version, created_at, last_seen_at, expires_at, idle_ms, revoked_at)
    VALUES ('<live>', 't1', 'alice', 'member', 1, 3, 1700000000000, 1700000000002, 1700086400000, 1800000, NULL);
INSERT INTO sessions (proof, organisation, username, role, epoch, version, created_at, last_seen_at, expires_at, idle_ms, revoked_at)
    VALUES ('<revoked>', 't1', 'alice', 'member', 1, 2, 1700000000000, 1700000000000, 1700086400000, 1800000, 1700000000001);
INSERT INTO sessions (proof, organisation, username, role, epoch, version, created_at, last_seen_at, expires_at, idle_ms, revoked_at)
    VALUES ('<expired>', 't1', 'alice', 'member', 1, 1, 1, 1, 2, 1800000, NULL);
INSERT INTO sessions (proof, organisation, username, role, epoch, version, created_at, last_seen_at, expires_at, idle_ms, revoked_at)
    VALUES ('<foreign>', 't2', 'carol', 'admin', 3, 1, 1700000000000, 1700000000000, 1700086400000, 1800000, NULL);
INSERT INTO session_files (proof, position, organisation, name, added_at)
    VALUES ('<live>', 2, 't1', 'b.txt', 1700000000001);
INSERT INTO session_files (proof, position, organisation, name, added_at)
    VALUES ('<live>', 3, 't1', 'a.txt', 1700000000002);
INSERT INTO files VALUES ('f', 't1', 'alice', 'a.txt', 1, 'text/plain', '<live>', 'blob-f', 1);
INSERT INTO uploads (upload_id, kind, organisation, owner, name, content_type, size, received, created_at, updated_at, expires_at)
    VALUES ('u', 'tus', 't1', 'alice', 'a.txt', 'text/plain', 9, 4, 1, 1, 2);
INSERT INTO upload_parts VALUES ('u', 't1', 0, 4, 'blob-p');
INSERT INTO idempotency_keys VALUES ('t1', 'alice', '<live>', 'print', '{}', 1);
INSERT INTO quotas (username, organisation, used_bytes, reserved_bytes, files) VALUES ('alice', 't1', 1, 9, 2);
INSERT INTO refresh_families (family, organisation, username, created_at, last_used_at, expires_at)
    VALUES ('family-1', 't1', 'alice', 1700000000000, 1700000000005, 1700086400000);
INSERT INTO refresh_families (family, organisation, username, created_at, last_used_at, expires_at)
    VALUES ('family-2', 't2', 'carol', 1700000000000, 1700000000000, 1700086400000);
INSERT INTO refresh_tokens (proof, family, organisation, issued_at, used_at, successor_sealed)
    VALUES ('<used>', 'family-1', 't1', 1700000000000, 1700000000005, 'sealed successor');
INSERT INTO refresh_tokens (proof, family, organisation, issued_at, used_at, successor_sealed)
    VALUES ('<unused>', 'family-1', 't1', 1700000000005, NULL, NULL);
INSERT INTO refresh_tokens (proof, family, organisation, issued_at, used_at, successor_sealed)
    VALUES ('<foreign token>', 'family-2', 't2', 1700000000000, NULL, NULL);
INSERT INTO revoked_tokens VALUES ('lab', 'jti', 't1', 1, 2);
INSERT INTO signing_keys VALUES ('kid', 'EdDSA', 'sealed', '{}', 1, 1, NULL);
