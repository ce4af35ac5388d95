-- Which programs may use this schema, so that two adjacent releases can share a database:
-- every change is expand (add), migrate (fill) and contract (drop) in a later release.

-- One row. A program does not start if its newest migration is older than this one. The
-- migration that contracts updates it: programs from there on no longer use the dropped parts.
CREATE TABLE schema_compatibility (
    only_row INTEGER NOT NULL PRIMARY KEY DEFAULT 1 CHECK (only_row = 1),
    oldest_migration BIGINT NOT NULL
);
INSERT INTO schema_compatibility (oldest_migration) VALUES (11);
