-- Replicas ask every moment what has come to be lately.
CREATE INDEX files_by_arrival ON files (organisation, uploaded_at);

-- Files and uploads under way. No check that it is not below zero: a program of before that
-- still runs does not count, and somebody's file must be deletable all the same.
ALTER TABLE quotas ADD COLUMN files BIGINT NOT NULL DEFAULT 0;
UPDATE quotas SET files =
    (SELECT COUNT(*) FROM files WHERE owner = quotas.username)
    + (SELECT COUNT(*) FROM uploads WHERE owner = quotas.username AND state = 'open');
