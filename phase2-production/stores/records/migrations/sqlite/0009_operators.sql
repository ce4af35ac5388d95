-- Operators, and the account's version in each family of refresh tokens. Only adds, so that
-- the program before this one goes on: it inserts rows without the new columns.

-- 1: the account may rotate the signing keys, which belong to the whole service. An admin
-- belongs to one organisation, so no admin becomes an operator.
ALTER TABLE users ADD COLUMN operator BIGINT NOT NULL DEFAULT 0 CHECK (operator IN (0, 1));

-- The version of the account at the login. A family with an older one than the account is
-- revoked, even if its row is not marked yet. NULL: begun by the program before.
ALTER TABLE refresh_families ADD COLUMN epoch BIGINT;
-- The families of an account that a login counts and a sign-out revokes.
CREATE INDEX refresh_families_live ON refresh_families (organisation, username, created_at)
    WHERE revoked_at IS NULL;
