-- Replicas ask every moment what has been revoked lately.
CREATE INDEX revoked_tokens_by_revocation ON revoked_tokens (revoked_at);
