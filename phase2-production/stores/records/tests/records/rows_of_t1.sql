-- A row of t1 in every table that the row security tests do not fill otherwise.
INSERT INTO files VALUES ('f', 't1', 'alice', 'a.txt', 1, 'text/plain', repeat('0', 64), 'blob-f', 1);
INSERT INTO uploads (upload_id, kind, organisation, owner, name, content_type, size, created_at, updated_at, expires_at)
    VALUES ('u', 'tus', 't1', 'alice', 'a.txt', 'text/plain', 9, 1, 1, 2);
INSERT INTO upload_parts VALUES ('u', 't1', 0, 4, 'blob-p');
INSERT INTO idempotency_keys VALUES ('t1', 'alice', repeat('0', 64), 'print', '{}', 1);
INSERT INTO quotas (username, organisation) VALUES ('alice', 't1');
INSERT INTO revoked_tokens VALUES ('lab', 'jti', 't1', 1, 2);
INSERT INTO signing_keys VALUES ('kid', 'EdDSA', 'sealed', '{}', 1, 1, NULL);
