-- What sign-ins and sessions must know of a user's second factors, kept with the user: a row
-- that is held shows both as they are. second_factor is true while there is one that works;
-- from restricted_from on the user may do nothing but enroll one.
ALTER TABLE identity_users ADD COLUMN second_factor {{.Bool}} NOT NULL DEFAULT FALSE;

--bun:split

ALTER TABLE identity_users ADD COLUMN restricted_from {{.Timestamp}};
