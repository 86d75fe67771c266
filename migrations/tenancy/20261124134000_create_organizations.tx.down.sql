DROP TABLE tenancy_progress;

--bun:split

DROP TABLE tenancy_deletions;

--bun:split

DROP TABLE tenancy_invites;

--bun:split

DROP TABLE tenancy_members;

--bun:split

DROP TABLE tenancy_organizations;
