-- Names the hash of a session id and of a refresh token by the terms of the field:
-- session_id_hash and token_hash instead of proof. Only names change, no row does.
--
-- Stop every replica before this migration and start the new program after it. A replica of
-- an older program would fail on every session: it names columns that are gone.
--
-- This is the last migration that needs all replicas stopped. Later ones first add what the
-- new program needs and remove the rest in a release of their own, so that two adjacent
-- releases can share a database.

ALTER TABLE sessions RENAME COLUMN proof TO session_id_hash;
ALTER TABLE session_files RENAME COLUMN proof TO session_id_hash;
ALTER TABLE refresh_tokens RENAME COLUMN proof TO token_hash;

-- Indexes are named for the column they sort by. SQLite cannot rename one.
DROP INDEX sessions_by_end;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
DROP INDEX uploads_by_end;
CREATE INDEX uploads_by_expiry ON uploads (expires_at);
DROP INDEX refresh_families_by_end;
CREATE INDEX refresh_families_by_expiry ON refresh_families (expires_at);
DROP INDEX revoked_tokens_by_end;
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);
DROP INDEX files_by_arrival;
CREATE INDEX files_by_upload_time ON files (organisation, uploaded_at);
