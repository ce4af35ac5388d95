-- Indexes for statements whose cost grew with the rows of earlier requests. Only adds, so that
-- the program before this one goes on.

-- The open uploads of an account, which a new upload counts while it holds the quota.
CREATE INDEX uploads_open ON uploads (organisation, owner, upload_id)
    WHERE state = 'open';
-- The successors that every replica wipes each minute, after their grace period.
CREATE INDEX refresh_tokens_by_use ON refresh_tokens (used_at)
    WHERE successor_sealed IS NOT NULL;
-- The audit entries of one request.
CREATE INDEX audit_of_request ON audit (organisation, request_id, id);
