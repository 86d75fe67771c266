DROP TABLE platform_jobs;
DROP TABLE platform_idempotency;
DROP TABLE platform_invalidations;
DROP TABLE platform_state;
