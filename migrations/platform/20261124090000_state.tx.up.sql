-- The installation: one row. A restored backup keeps the instance's id and gets a new epoch.
CREATE TABLE platform_state (
    id          {{.Int}} NOT NULL PRIMARY KEY CHECK (id = 1),
    instance_id {{.Text}} NOT NULL,
    epoch       {{.Text}} NOT NULL,
    created_at  {{.Timestamp}} NOT NULL
);

INSERT INTO platform_state (id, instance_id, epoch, created_at)
VALUES (1, {{.RandomID}}, {{.RandomID}}, {{.Now}});

-- What makes remembered values stale, in the order of commit: by xid on PostgreSQL, where
-- ids may become visible out of order, by id on SQLite.
CREATE TABLE platform_invalidations (
    id         {{.AutoID}},
{{- if .Postgres}}
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
{{- end}}
    kind       {{.Text}} NOT NULL,
    subject    {{.Text}} NOT NULL,
    created_at {{.Timestamp}} NOT NULL DEFAULT {{.Now}}
);
{{- if .Postgres}}
CREATE INDEX platform_invalidations_xid_idx ON platform_invalidations (xid);
{{- end}}
CREATE INDEX platform_invalidations_created_at_idx ON platform_invalidations (created_at);

-- Answers of requests that carried an Idempotency-Key. The answer is sealed.
CREATE TABLE platform_idempotency (
    scope       {{.Bytes}} NOT NULL PRIMARY KEY,
    fingerprint {{.Bytes}} NOT NULL,
    status      {{.Int}} NOT NULL,
    answer      {{.Bytes}},
    created_at  {{.Timestamp}} NOT NULL,
    expires_at  {{.Timestamp}} NOT NULL
);
CREATE INDEX platform_idempotency_expires_at_idx ON platform_idempotency (expires_at);

-- When each periodic job ran last, and how it went. slot is the interval that was run
-- last, in seconds since 1970, and taken_by the run in the job queue that took it.
CREATE TABLE platform_jobs (
    name        {{.Text}} NOT NULL PRIMARY KEY,
    slot        {{.BigInt}} NOT NULL DEFAULT 0,
    taken_by    {{.BigInt}} NOT NULL DEFAULT 0,
    last_run    {{.Timestamp}},
    last_result {{.Text}} NOT NULL DEFAULT '',
    last_error  {{.Text}} NOT NULL DEFAULT '',
    last_report {{.Text}} NOT NULL DEFAULT '{}',
    duration_us {{.BigInt}} NOT NULL DEFAULT 0,
    runs        {{.BigInt}} NOT NULL DEFAULT 0,
    failures    {{.BigInt}} NOT NULL DEFAULT 0
);
