DROP TABLE audit_progress;

--bun:split

DROP TABLE audit_erasures;

--bun:split

DROP TABLE audit_personal;

--bun:split

DROP TABLE audit_subjects;

--bun:split

DROP TABLE audit_keys;

--bun:split

DROP TABLE audit_seal_entries;

--bun:split

DROP TABLE audit_seals;

--bun:split

DROP TABLE audit_entries;
