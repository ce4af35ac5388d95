-- The id of this deployment: a name for its keys in a Redis, and for its gossip, that no other
-- deployment has. A copy of the database has the same id: give it a Redis of its own.

CREATE TABLE deployment (
    -- At most one row.
    only_row BOOLEAN NOT NULL PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    id TEXT NOT NULL CHECK (id <> '')
);
INSERT INTO deployment (id)
    VALUES (substr(replace(CAST(gen_random_uuid() AS TEXT), '-', ''), 17));
ALTER TABLE deployment ENABLE ROW LEVEL SECURITY;
ALTER TABLE deployment FORCE ROW LEVEL SECURITY;
CREATE POLICY housekeeping_reads ON deployment FOR SELECT
    USING (current_setting('app.housekeeping', true) = 'on');
GRANT SELECT ON deployment TO upload_app;
