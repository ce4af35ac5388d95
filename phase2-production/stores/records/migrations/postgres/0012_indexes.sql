-- Indexes for statements whose cost grew with the rows of earlier requests. Only adds, so that
-- the program before this one goes on.
--
-- While an index is built, writers of its table wait and readers do not. CREATE INDEX
-- CONCURRENTLY blocks no writer, but no transaction can contain it: if it fails, as after the
-- lock timeout of a migration, it leaves an invalid index behind.

-- The open uploads of an account, which a new upload counts while it holds the quota.
CREATE INDEX uploads_open ON uploads (organisation, owner, upload_id)
    WHERE state = 'open';
-- The successors that every replica wipes each minute, after their grace period.
CREATE INDEX refresh_tokens_by_use ON refresh_tokens (used_at)
    WHERE successor_sealed IS NOT NULL;
-- The audit entries of one request.
CREATE INDEX audit_of_request ON audit (organisation, request_id, id);
