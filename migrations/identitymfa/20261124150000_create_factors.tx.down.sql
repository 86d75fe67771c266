-- Nobody could show one any more.
UPDATE identity_users SET second_factor = FALSE WHERE second_factor;

--bun:split

DROP TABLE identity_devices;

--bun:split

DROP TABLE identity_challenges;

--bun:split

DROP TABLE identity_passkeys;

--bun:split

DROP TABLE identity_recovery_codes;

--bun:split

DROP TABLE identity_totp;
