-- A row of the trail. Everything that it says is written once and sealed as it is. Personal
-- data is not in it: pending holds it, encrypted, until the row is sealed, when it moves
-- to audit_personal. A row is unsealed exactly as long as pending is not null. mac keeps
-- an unsealed row from being altered unnoticed, and xid orders unsealed rows as they were
-- committed; in a sealed row the one is empty and the other 0.
CREATE TABLE audit_entries (
    id              {{.UUID}} NOT NULL PRIMARY KEY,
    created_at      {{.Timestamp}} NOT NULL,
    action          TEXT NOT NULL,
    actor_id        TEXT,
    organization_id TEXT,
    resource_type   TEXT,
    resource_id     TEXT,
    success         {{.Bool}} NOT NULL,
    error_type      TEXT,
    request_id      TEXT,
    trace_id        TEXT,
    metadata        TEXT NOT NULL,
    client_subject  TEXT,
    detail_subject  TEXT,
    mac             {{.Bytes}} NOT NULL,
    pending         {{.Bytes}}
{{- if .Postgres}},
    xid             xid8 NOT NULL DEFAULT pg_current_xact_id()
{{- end}}
);

--bun:split

{{if .Postgres -}}
CREATE INDEX audit_entries_unsealed_idx ON audit_entries (xid, id) WHERE pending IS NOT NULL;
{{- else -}}
CREATE INDEX audit_entries_unsealed_idx ON audit_entries (id) WHERE pending IS NOT NULL;
{{- end}}

--bun:split

CREATE INDEX audit_entries_organization_idx ON audit_entries (organization_id, created_at, id) WHERE organization_id IS NOT NULL;

--bun:split

CREATE INDEX audit_entries_organization_action_idx ON audit_entries (organization_id, action, created_at, id) WHERE organization_id IS NOT NULL;

--bun:split

CREATE INDEX audit_entries_organization_type_idx ON audit_entries (organization_id, resource_type, created_at, id) WHERE organization_id IS NOT NULL;

--bun:split

CREATE INDEX audit_entries_organization_failures_idx ON audit_entries (organization_id, created_at, id) WHERE organization_id IS NOT NULL AND NOT success;

--bun:split

CREATE INDEX audit_entries_actor_idx ON audit_entries (actor_id, created_at, id) WHERE actor_id IS NOT NULL;

--bun:split

CREATE INDEX audit_entries_resource_idx ON audit_entries (resource_id, resource_type, created_at, id) WHERE resource_id IS NOT NULL;

--bun:split

CREATE INDEX audit_entries_created_at_idx ON audit_entries (created_at, id);

--bun:split

-- The seals, chained: each signs its number, time, count, Merkle root and the one before.
CREATE TABLE audit_seals (
    number          {{.BigInt}} PRIMARY KEY,
    sealed_at       {{.Timestamp}} NOT NULL,
    entries         {{.BigInt}} NOT NULL,
    first_at        {{.Timestamp}} NOT NULL,
    last_at         {{.Timestamp}} NOT NULL,
    root            {{.Bytes}} NOT NULL,
    previous        {{.Bytes}} NOT NULL,
    head            {{.Bytes}} NOT NULL,
    key_id          TEXT NOT NULL,
    signature       {{.Bytes}} NOT NULL,
    pruned_at       {{.Timestamp}},
    prune_signature {{.Bytes}}
);

--bun:split

-- Which row lies where under which seal. leaf is the hash of the canonical row, and mac
-- keeps this line from being altered unnoticed. The commitments are keyed hashes of the
-- personal data beside the row.
CREATE TABLE audit_seal_entries (
    entry_id          {{.UUID}} NOT NULL PRIMARY KEY,
    seal              {{.BigInt}} NOT NULL,
    position          {{.BigInt}} NOT NULL,
    client_commitment {{.Bytes}},
    detail_commitment {{.Bytes}},
    leaf              {{.Bytes}} NOT NULL,
    mac               {{.Bytes}} NOT NULL
);

--bun:split

CREATE UNIQUE INDEX audit_seal_entries_seal_position_key ON audit_seal_entries (seal, position);

--bun:split

-- The keys that seals are signed with. The private one is sealed with ENCRYPTION_KEY.
CREATE TABLE audit_keys (
    id          TEXT NOT NULL PRIMARY KEY,
    public_key  {{.Bytes}} NOT NULL,
    private_key {{.Bytes}} NOT NULL,
    created_at  {{.Timestamp}} NOT NULL
);

--bun:split

-- One key a subject, sealed with ENCRYPTION_KEY. Without it nobody can read, or guess, the
-- subject's personal data in rows, seals and backups.
CREATE TABLE audit_subjects (
    subject TEXT NOT NULL PRIMARY KEY,
    secret  {{.Bytes}} NOT NULL
);

--bun:split

-- Personal data of a sealed row, encrypted with its subject's key. part is client (address
-- and user agent) or detail.
CREATE TABLE audit_personal (
    entry_id {{.UUID}} NOT NULL,
    part     TEXT NOT NULL CHECK (part IN ('client', 'detail')),
    subject  TEXT NOT NULL,
    content  {{.Bytes}} NOT NULL,
    PRIMARY KEY (entry_id, part)
);

--bun:split

CREATE INDEX audit_personal_subject_idx ON audit_personal (subject);

--bun:split

-- Whose personal data was erased, up to when. It is why data may be missing.
CREATE TABLE audit_erasures (
    subject   TEXT NOT NULL PRIMARY KEY,
    erased_at {{.Timestamp}} NOT NULL,
    mac       {{.Bytes}} NOT NULL
);

--bun:split

CREATE INDEX audit_erasures_erased_at_idx ON audit_erasures (erased_at);

--bun:split

-- How far this module has got with something: the newest seal, which sealers hold in turn,
-- the deletion marks of others, the erasures. mac keeps it from being altered unnoticed.
CREATE TABLE audit_progress (
    source     TEXT NOT NULL PRIMARY KEY,
    reached_at {{.Timestamp}} NOT NULL,
    reached    TEXT NOT NULL,
    mac        {{.Bytes}} NOT NULL
);
