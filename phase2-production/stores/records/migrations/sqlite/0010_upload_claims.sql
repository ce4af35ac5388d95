-- Claims on unfinished uploads, and what their creation sent. All columns may stay empty, so
-- that a program of before can use the table.

-- Upload-Metadata (tus), as the client sent it.
ALTER TABLE uploads ADD COLUMN metadata TEXT;
-- The account's epoch at the start: a signed URL ends with it.
ALTER TABLE uploads ADD COLUMN epoch BIGINT;
-- The newest request that writes bytes; earlier ones stop.
ALTER TABLE uploads ADD COLUMN writer TEXT;
-- The request that makes the file, until finish_until by this database's clock.
ALTER TABLE uploads ADD COLUMN finisher TEXT;
ALTER TABLE uploads ADD COLUMN finish_until BIGINT;
-- The reservation of an upload in one request (a form). It has no parts and no page.
ALTER TABLE uploads ADD COLUMN is_form BOOLEAN NOT NULL DEFAULT FALSE;
