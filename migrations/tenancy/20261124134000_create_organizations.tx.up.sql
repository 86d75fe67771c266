-- version counts changes that the organization's entity tag tells of. The two timeouts are
-- the rule for members' sessions in seconds; null leaves the system's.
CREATE TABLE tenancy_organizations (
    id                       {{.UUID}} NOT NULL PRIMARY KEY,
    name                     TEXT NOT NULL,
    slug                     TEXT NOT NULL,
    description              TEXT,
    logo_url                 TEXT,
    is_active                {{.Bool}} NOT NULL DEFAULT TRUE,
    session_idle_seconds     {{.BigInt}} CHECK (session_idle_seconds > 0),
    session_absolute_seconds {{.BigInt}} CHECK (session_absolute_seconds > 0),
    version                  {{.BigInt}} NOT NULL DEFAULT 1,
    created_at               {{.Timestamp}} NOT NULL,
    updated_at               {{.Timestamp}} NOT NULL,
    deleted_at               {{.Timestamp}}
);

--bun:split

-- A deleted organization frees its slug.
CREATE UNIQUE INDEX tenancy_organizations_slug_key ON tenancy_organizations (slug) WHERE deleted_at IS NULL;

--bun:split

CREATE TABLE tenancy_members (
    id              {{.UUID}} NOT NULL PRIMARY KEY,
    organization_id {{.UUID}} NOT NULL REFERENCES tenancy_organizations (id),
    user_id         {{.UUID}} NOT NULL,
    role            TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
    invited_by_id   {{.UUID}},
    invited_at      {{.Timestamp}},
    joined_at       {{.Timestamp}} NOT NULL,
    created_at      {{.Timestamp}} NOT NULL,
    updated_at      {{.Timestamp}} NOT NULL
);

--bun:split

CREATE UNIQUE INDEX tenancy_members_user_id_organization_id_key ON tenancy_members (user_id, organization_id);

--bun:split

CREATE INDEX tenancy_members_organization_id_idx ON tenancy_members (organization_id, id);

--bun:split

-- Whether there is another owner is asked while the organization is held.
CREATE INDEX tenancy_members_owner_idx ON tenancy_members (organization_id) WHERE role = 'owner';

--bun:split

-- Deleting a user makes them disappear from the memberships of those whom they brought in.
CREATE INDEX tenancy_members_invited_by_id_idx ON tenancy_members (invited_by_id) WHERE invited_by_id IS NOT NULL;

--bun:split

-- An invitation that waits for its answer. Its token is kept as a hash. Accepted, cancelled
-- and replaced ones are removed; expired ones stay for a while, to be told from unknown ones.
CREATE TABLE tenancy_invites (
    id              {{.UUID}} NOT NULL PRIMARY KEY,
    organization_id {{.UUID}} NOT NULL REFERENCES tenancy_organizations (id),
    email           TEXT NOT NULL,
    role            TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
    token_hash      {{.Bytes}} NOT NULL,
    invited_by_id   {{.UUID}} NOT NULL,
    expires_at      {{.Timestamp}} NOT NULL,
    created_at      {{.Timestamp}} NOT NULL,
    updated_at      {{.Timestamp}} NOT NULL
);

--bun:split

CREATE UNIQUE INDEX tenancy_invites_token_hash_key ON tenancy_invites (token_hash);

--bun:split

CREATE UNIQUE INDEX tenancy_invites_organization_id_email_key ON tenancy_invites (organization_id, email);

--bun:split

CREATE INDEX tenancy_invites_email_idx ON tenancy_invites (email, id);

--bun:split

CREATE INDEX tenancy_invites_expires_at_idx ON tenancy_invites (expires_at);

--bun:split

-- Organizations that are gone, for modules that were switched off when it happened.
CREATE TABLE tenancy_deletions (
    organization_id {{.UUID}} NOT NULL PRIMARY KEY,
    deleted_at      {{.Timestamp}} NOT NULL
);

--bun:split

CREATE INDEX tenancy_deletions_deleted_at_idx ON tenancy_deletions (deleted_at, organization_id);

--bun:split

-- How far this module has read the deletion marks of others.
CREATE TABLE tenancy_progress (
    source     TEXT NOT NULL PRIMARY KEY,
    deleted_at {{.Timestamp}} NOT NULL,
    last_id    {{.UUID}} NOT NULL
);
