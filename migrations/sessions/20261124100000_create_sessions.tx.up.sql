CREATE TABLE sessions_sessions (
    id                  {{.UUID}} PRIMARY KEY,
    user_id             {{.UUID}} NOT NULL,
    token_hash          {{.Bytes}} NOT NULL,
    status              TEXT NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'REVOKED', 'EXPIRED')),
    ip_address          TEXT,
    user_agent          TEXT,
    auth_methods        TEXT NOT NULL,
    is_compliance_only  {{.Bool}} NOT NULL,
    remember            {{.Bool}} NOT NULL,
    idle_seconds        BIGINT NOT NULL CHECK (idle_seconds > 0),
    absolute_expires_at {{.Timestamp}} NOT NULL,
    expires_at          {{.Timestamp}} NOT NULL,
    last_activity_at    {{.Timestamp}} NOT NULL,
    authenticated_at    {{.Timestamp}} NOT NULL,
    revoked_at          {{.Timestamp}},
    revoked_reason      TEXT,
    created_at          {{.Timestamp}} NOT NULL,
    updated_at          {{.Timestamp}} NOT NULL
);

--bun:split

CREATE UNIQUE INDEX sessions_sessions_token_hash ON sessions_sessions (token_hash);

--bun:split

CREATE INDEX sessions_sessions_user ON sessions_sessions (user_id, id);

--bun:split

CREATE INDEX sessions_sessions_ends ON sessions_sessions (expires_at) WHERE status = 'ACTIVE';
