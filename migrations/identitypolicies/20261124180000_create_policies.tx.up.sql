-- What an organization asks of its members' second factors. An organization without a row
-- asks nothing. required_since is when the mode that is in force began to be.
CREATE TABLE identity_mfa_policies (
    organization_id {{.UUID}} NOT NULL PRIMARY KEY,
    mode            TEXT NOT NULL,
    grace_days      {{.BigInt}} NOT NULL,
    notify_days     {{.BigInt}} NOT NULL,
    version         {{.BigInt}} NOT NULL,
    required_since  {{.Timestamp}} NOT NULL,
    updated_at      {{.Timestamp}} NOT NULL
);

--bun:split

-- How a member stands to it, as judged when anything changed last. status in_grace is past
-- due once deadline_at is over: a deadline needs nobody to pass.
CREATE TABLE identity_mfa_members (
    organization_id    {{.UUID}} NOT NULL,
    user_id            {{.UUID}} NOT NULL REFERENCES identity_users (id) ON DELETE CASCADE,
    override_mode      TEXT NOT NULL DEFAULT 'inherit',
    force_totp         {{.Bool}} NOT NULL DEFAULT FALSE,
    force_webauthn     {{.Bool}} NOT NULL DEFAULT FALSE,
    effective_mode     TEXT NOT NULL,
    status             TEXT NOT NULL,
    policy_version     {{.BigInt}} NOT NULL,
    applied_at         {{.Timestamp}},
    deadline_at        {{.Timestamp}},
    compliant_at       {{.Timestamp}},
    suspended_at       {{.Timestamp}},
    last_notified_at   {{.Timestamp}},
    notification_count {{.BigInt}} NOT NULL DEFAULT 0,
    created_at         {{.Timestamp}} NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);

--bun:split

CREATE INDEX identity_mfa_members_user_id_idx ON identity_mfa_members (user_id);

--bun:split

CREATE INDEX identity_mfa_members_status_deadline_at_idx ON identity_mfa_members (status, deadline_at);

--bun:split

CREATE INDEX identity_mfa_members_organization_id_created_at_idx ON identity_mfa_members (organization_id, created_at, user_id);
