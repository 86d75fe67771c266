// Package tenancy knows which organizations there are, who belongs to them, and what each
// member may do there.
//
//	owner > admin > member > guest
//
// # Rooms
//
// [Service] holds the use cases that a person asks for. [Directory] is what other modules
// are given: it judges permissions, tells which organizations a user belongs to and which
// rules their sessions are under, and vetoes the deletion of a user whom an organization
// cannot do without. It needs nothing but the database, so that every module can need it.
//
// # Rules that must hold
//
// What a role may do is said in one table, permissions in roles.go; operations declare a
// permission and never ask for a role. A role is read in the statement that does the work
// or in the transaction that makes the change, and is kept nowhere else, so that a role
// that was taken away grants nothing any more.
//
// An organization has at least one owner, a user at most one membership in it, and no two
// organizations have one slug. Everything that changes members holds the organization's row
// first and judges the caller again under it; uniqueness is the database's. Locks are taken
// in the order user, organizations by id, memberships.
//
// Nobody acts on somebody above themselves or gives a role above their own. Whoever is no
// member is answered as if there were no organization, to the byte.
//
// Every change of a membership or a session policy records an invalidation of the users
// whom it concerns, in its transaction, so that it rules from their next request on.
//
// What may be touched: the JSON of organizations and members is a contract with clients;
// the tables tenancy_… are this module's own, and nobody else reads or writes them.
package tenancy
