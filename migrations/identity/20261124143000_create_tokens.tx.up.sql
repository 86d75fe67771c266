-- A token that was mailed and waits to be used. It is kept as a hash, and email is the
-- address that its bearer has proved to read. A newer one of the same purpose takes its
-- place; used ones are removed. One that was issued under an older credential_version is
-- worth nothing.
CREATE TABLE identity_tokens (
    id                 {{.UUID}} NOT NULL PRIMARY KEY,
    user_id            {{.UUID}} NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    purpose            TEXT NOT NULL CHECK (purpose IN ('verify_email', 'reset_password', 'change_email')),
    email              TEXT NOT NULL,
    token_hash         {{.Bytes}} NOT NULL,
    credential_version {{.BigInt}} NOT NULL,
    expires_at         {{.Timestamp}} NOT NULL,
    created_at         {{.Timestamp}} NOT NULL
);

--bun:split

CREATE UNIQUE INDEX identity_tokens_token_hash_key ON identity_tokens (token_hash);

--bun:split

CREATE UNIQUE INDEX identity_tokens_user_id_purpose_key ON identity_tokens (user_id, purpose);

--bun:split

CREATE INDEX identity_tokens_expires_at_idx ON identity_tokens (expires_at);

--bun:split

-- What somebody asked to be mailed to an address. Whether the address has an account is
-- looked up after they were answered. The address is in the sealed part.
CREATE TABLE identity_mail_requests (
    id         {{.UUID}} NOT NULL PRIMARY KEY,
    purpose    TEXT NOT NULL CHECK (purpose IN ('verify_email', 'reset_password')),
    sealed     {{.Bytes}} NOT NULL,
    created_at {{.Timestamp}} NOT NULL
);

--bun:split

-- Set by registration, and cleared when the mail that verifies the address is on its way.
ALTER TABLE identity_users ADD COLUMN verification_due_at {{.Timestamp}};

--bun:split

CREATE INDEX identity_users_verification_due_at_idx ON identity_users (id) WHERE verification_due_at IS NOT NULL;
