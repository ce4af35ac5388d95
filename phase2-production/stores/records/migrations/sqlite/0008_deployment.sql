-- The id of this deployment: a name for its keys in a Redis, and for its gossip, that no other
-- deployment has. A copy of the database has the same id: give it a Redis of its own.

CREATE TABLE deployment (
    -- At most one row.
    only_row BOOLEAN NOT NULL PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    id TEXT NOT NULL CHECK (id <> '')
);
INSERT INTO deployment (id) VALUES (lower(hex(randomblob(8))));
