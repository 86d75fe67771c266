CREATE TABLE identity_users (
    id                  {{.UUID}} PRIMARY KEY,
    email               TEXT NOT NULL,
    email_verified      {{.Bool}} NOT NULL DEFAULT FALSE,
    full_name           TEXT,
    avatar_url          TEXT,
    status              TEXT NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'inactive', 'suspended', 'pending', 'compliance_suspended')),
    password_hash       TEXT,
    password_changed_at {{.Timestamp}},
    credential_version  {{.BigInt}} NOT NULL DEFAULT 1,
    last_login_at       {{.Timestamp}},
    last_login_ip       TEXT,
    version             {{.BigInt}} NOT NULL DEFAULT 1,
    created_at          {{.Timestamp}} NOT NULL,
    updated_at          {{.Timestamp}} NOT NULL
);

--bun:split

CREATE UNIQUE INDEX identity_users_email_key ON identity_users (email);

--bun:split

CREATE TABLE identity_deletions (
    user_id    {{.UUID}} PRIMARY KEY,
    deleted_at {{.Timestamp}} NOT NULL
);

--bun:split

CREATE INDEX identity_deletions_deleted_at ON identity_deletions (deleted_at, user_id);
