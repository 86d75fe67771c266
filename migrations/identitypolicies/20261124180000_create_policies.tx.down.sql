DROP TABLE identity_mfa_members;

--bun:split

DROP TABLE identity_mfa_policies;
