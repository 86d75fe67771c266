DROP INDEX identity_users_verification_due_at_idx;

--bun:split

ALTER TABLE identity_users DROP COLUMN verification_due_at;

--bun:split

DROP TABLE identity_mail_requests;

--bun:split

DROP TABLE identity_tokens;
