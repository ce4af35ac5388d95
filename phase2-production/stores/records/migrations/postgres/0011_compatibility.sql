-- Which programs may use this schema, so that two adjacent releases can share a database:
-- every change is expand (add), migrate (fill) and contract (drop) in a later release.

-- One row. A program does not start if its newest migration is older than this one. The
-- migration that contracts updates it: programs from there on no longer use the dropped parts.
CREATE TABLE schema_compatibility (
    only_row INTEGER NOT NULL PRIMARY KEY DEFAULT 1 CHECK (only_row = 1),
    oldest_migration BIGINT NOT NULL
);
INSERT INTO schema_compatibility (oldest_migration) VALUES (11);
ALTER TABLE schema_compatibility ENABLE ROW LEVEL SECURITY;
ALTER TABLE schema_compatibility FORCE ROW LEVEL SECURITY;
-- Every program reads it at its start. Its owner changes it in a migration.
CREATE POLICY all_read ON schema_compatibility FOR SELECT USING (true);
CREATE POLICY owner_changes ON schema_compatibility FOR ALL TO CURRENT_USER USING (true);
GRANT SELECT ON schema_compatibility TO upload_app;
