-- Nobody could lift it any more.
UPDATE identity_users SET restricted_from = NULL WHERE restricted_from IS NOT NULL;

--bun:split

UPDATE identity_users SET status = 'active', version = version + 1 WHERE status = 'compliance_suspended';

--bun:split

DROP TABLE identity_mfa_members;

--bun:split

DROP TABLE identity_mfa_policies;
