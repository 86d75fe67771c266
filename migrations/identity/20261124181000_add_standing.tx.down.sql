ALTER TABLE identity_users DROP COLUMN restricted_from;

--bun:split

ALTER TABLE identity_users DROP COLUMN second_factor;
