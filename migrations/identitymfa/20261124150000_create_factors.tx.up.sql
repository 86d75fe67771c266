-- The authenticator app of a user (RFC 6238). The secret is sealed. It is asked for at
-- sign-ins once verified_at is set; last_step is the last time step whose code was used.
CREATE TABLE identity_totp (
    user_id     {{.UUID}} NOT NULL PRIMARY KEY REFERENCES identity_users (id) ON DELETE CASCADE,
    secret      {{.Bytes}} NOT NULL,
    last_step   {{.BigInt}} NOT NULL DEFAULT 0,
    verified_at {{.Timestamp}},
    created_at  {{.Timestamp}} NOT NULL
);

--bun:split

-- The recovery codes that were not used, as keyed hashes.
CREATE TABLE identity_recovery_codes (
    user_id    {{.UUID}} NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    code_hash  {{.Bytes}} NOT NULL,
    created_at {{.Timestamp}} NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

--bun:split

-- The passkeys of a user (WebAuthn). credential is what the ceremony needs besides: public
-- key, flags and transports. sign_count is the counter of the last assertion.
CREATE TABLE identity_passkeys (
    id            {{.UUID}} NOT NULL PRIMARY KEY,
    user_id       {{.UUID}} NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    credential_id {{.Bytes}} NOT NULL,
    credential    {{.JSON}} NOT NULL,
    sign_count    {{.BigInt}} NOT NULL DEFAULT 0,
    name          TEXT NOT NULL,
    last_used_at  {{.Timestamp}},
    created_at    {{.Timestamp}} NOT NULL
);

--bun:split

CREATE UNIQUE INDEX identity_passkeys_credential_id_key ON identity_passkeys (credential_id);

--bun:split

CREATE INDEX identity_passkeys_user_id_idx ON identity_passkeys (user_id, id);

--bun:split

-- Something that waits for one more proof: a sign-in whose first proof was right, or a
-- passkey ceremony. user_id is null while nobody has said who they are. It is worth nothing
-- once the user's credential_version is another.
CREATE TABLE identity_challenges (
    token_hash         {{.Bytes}} PRIMARY KEY,
    id                 {{.UUID}} NOT NULL,
    user_id            {{.UUID}} REFERENCES identity_users (id) ON DELETE CASCADE,
    purpose            TEXT NOT NULL,
    flow               TEXT NOT NULL DEFAULT '',
    methods            TEXT NOT NULL DEFAULT '',
    offered            TEXT NOT NULL DEFAULT '',
    remember           {{.Bool}} NOT NULL DEFAULT FALSE,
    credential_version {{.BigInt}} NOT NULL DEFAULT 0,
    guesses            {{.BigInt}} NOT NULL DEFAULT 0,
    data               {{.Bytes}},
    expires_at         {{.Timestamp}} NOT NULL,
    created_at         {{.Timestamp}} NOT NULL
);

--bun:split

CREATE INDEX identity_challenges_user_id_idx ON identity_challenges (user_id);

--bun:split

CREATE INDEX identity_challenges_expires_at_idx ON identity_challenges (expires_at);

--bun:split

-- The browsers that are not asked for a second factor until expires_at.
CREATE TABLE identity_devices (
    id         {{.UUID}} NOT NULL PRIMARY KEY,
    user_id    {{.UUID}} NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    token_hash {{.Bytes}} NOT NULL,
    user_agent TEXT NOT NULL,
    ip_address TEXT,
    expires_at {{.Timestamp}} NOT NULL,
    created_at {{.Timestamp}} NOT NULL
);

--bun:split

CREATE UNIQUE INDEX identity_devices_token_hash_key ON identity_devices (token_hash);

--bun:split

CREATE INDEX identity_devices_user_id_idx ON identity_devices (user_id, id);

--bun:split

CREATE INDEX identity_devices_expires_at_idx ON identity_devices (expires_at);
