DROP TABLE identity_deletions;

--bun:split

DROP TABLE identity_users;
