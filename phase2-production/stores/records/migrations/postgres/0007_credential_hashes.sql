-- Names the hash of a session id and of a refresh token by the terms of the field:
-- session_id_hash and token_hash instead of proof. The transaction setting that row level
-- security compares them with becomes app.credential_hash. Only names change, no row does.
--
-- Stop every replica before this migration and start the new program after it. A replica of
-- an older program would fail on every session: it names columns that are gone.
--
-- This is the last migration that needs all replicas stopped. Later ones first add what the
-- new program needs and remove the rest in a release of their own, so that two adjacent
-- releases can share a database.

ALTER TABLE sessions RENAME COLUMN proof TO session_id_hash;
ALTER TABLE sessions
    RENAME CONSTRAINT sessions_proof_check TO sessions_session_id_hash_check;
ALTER POLICY by_proof ON sessions RENAME TO by_session_id_hash;
ALTER POLICY by_session_id_hash ON sessions
    USING (session_id_hash = current_setting('app.credential_hash', true));
ALTER POLICY change_by_proof ON sessions RENAME TO change_by_session_id_hash;
ALTER POLICY change_by_session_id_hash ON sessions
    USING (session_id_hash = current_setting('app.credential_hash', true));

ALTER TABLE session_files RENAME COLUMN proof TO session_id_hash;
ALTER TABLE session_files
    RENAME CONSTRAINT session_files_proof_fkey TO session_files_session_id_hash_fkey;
ALTER POLICY by_proof ON session_files RENAME TO by_session_id_hash;
ALTER POLICY by_session_id_hash ON session_files
    USING (session_id_hash = current_setting('app.credential_hash', true));

ALTER TABLE refresh_tokens RENAME COLUMN proof TO token_hash;
ALTER TABLE refresh_tokens
    RENAME CONSTRAINT refresh_tokens_proof_check TO refresh_tokens_token_hash_check;
ALTER POLICY by_proof ON refresh_tokens RENAME TO by_token_hash;
ALTER POLICY by_token_hash ON refresh_tokens
    USING (token_hash = current_setting('app.credential_hash', true));

-- The same policy has the same name on every table.
ALTER POLICY janitor_looks ON files RENAME TO housekeeping_reads;
ALTER POLICY janitor_looks ON uploads RENAME TO housekeeping_reads;
ALTER POLICY janitor_looks ON upload_parts RENAME TO housekeeping_reads;
ALTER POLICY janitor_looks ON idempotency_keys RENAME TO housekeeping_reads;
ALTER POLICY janitor_removes ON idempotency_keys RENAME TO housekeeping_removes;

-- Indexes are named for the column they sort by.
ALTER INDEX sessions_by_end RENAME TO sessions_by_expiry;
ALTER INDEX uploads_by_end RENAME TO uploads_by_expiry;
ALTER INDEX refresh_families_by_end RENAME TO refresh_families_by_expiry;
ALTER INDEX revoked_tokens_by_end RENAME TO revoked_tokens_by_expiry;
ALTER INDEX files_by_arrival RENAME TO files_by_upload_time;
