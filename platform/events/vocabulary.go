package events

// UserRegistered says that an account came into being.
type UserRegistered struct {
	UserID string `json:"user_id"`
	Email  string `json:"-"`
}

// Name returns identity.user.registered.
func (UserRegistered) Name() string { return "identity.user.registered" }

// UserChanged says that what others may have remembered of a user (profile, email,
// verification) is stale. Sessions live on.
type UserChanged struct {
	UserID string `json:"user_id"`
}

// Name returns identity.user.changed.
func (UserChanged) Name() string { return "identity.user.changed" }

// UserDeleted says that an account is gone; whatever belongs to it goes with it.
type UserDeleted struct {
	UserID string `json:"user_id"`
	// Email is the address that the account had, for in-transaction subscribers that must
	// forget it; empty when whoever deletes the account never proved that it was theirs. It
	// is in no queue.
	Email string `json:"-"`
}

// Name returns identity.user.deleted.
func (UserDeleted) Name() string { return "identity.user.deleted" }

// CredentialChanged says that a user's password or factor changed: every session but
// KeepSessionID ends.
type CredentialChanged struct {
	UserID string `json:"user_id"`
	// KeepSessionID is the session that made the change; empty ends all of them.
	KeepSessionID string `json:"keep_session_id,omitempty"`
	// Method is the proof that KeepSessionID gave with the change (RFC 8176), such as the first
	// code of an authenticator app; empty when it gave none. The session has it from then on,
	// and is no more recent for it.
	Method string `json:"method,omitempty"`
	// Reason is recorded on the sessions that end, such as "password_changed".
	Reason string `json:"reason"`
}

// Name returns identity.credential.changed.
func (CredentialChanged) Name() string { return "identity.credential.changed" }

// AddressProved says that somebody proved for the first time that an account's address is
// theirs, who was not signed in to the account: by verifying it, or by recovering the account.
// Sessions are none of its business. Whatever else lets somebody into the account (factors,
// linked identities, grants) was set up by nobody knows whom, and ends.
type AddressProved struct {
	UserID string `json:"user_id"`
}

// Name returns identity.address.proved.
func (AddressProved) Name() string { return "identity.address.proved" }

// UserStatusChanged says that an account was suspended, restored or the like.
type UserStatusChanged struct {
	UserID string `json:"user_id"`
	Status string `json:"status"`
}

// Name returns identity.user.status_changed.
func (UserStatusChanged) Name() string { return "identity.user.status_changed" }

// DataRestored says that the database was restored from a backup, in which what was revoked
// or used since is alive. What lets anybody in on its own ends.
type DataRestored struct{}

// Name returns platform.data.restored.
func (DataRestored) Name() string { return "platform.data.restored" }

// Fact is a security-relevant fact for the audit trail: who did what to which thing,
// and whether it succeeded. It is published in the transaction that makes it true; a
// refusal is published in a transaction of its own after the rollback.
type Fact struct {
	// Action is a dotted name such as user.login; each module declares its own.
	Action string `json:"action"`
	// ActorID is the user who acted; empty when nobody is known.
	ActorID string `json:"actor_id,omitempty"`
	// ResourceType and ResourceID name what was acted on.
	ResourceType string `json:"resource_type,omitempty"`
	ResourceID   string `json:"resource_id,omitempty"`
	// OrganizationID is set when the act belongs to an organization.
	OrganizationID string `json:"organization_id,omitempty"`
	// Success is false for refused and failed acts.
	Success bool `json:"success"`
	// ErrorType is the error type that the client was answered with, if any.
	ErrorType string `json:"error_type,omitempty"`
	// Metadata says more. It never holds secrets, and nothing that describes a person: it
	// is kept for ever.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Personal is metadata that describes a person, such as an email address. It can be
	// erased without making the trail invalid.
	Personal map[string]string `json:"personal,omitempty"`
	// PersonalOf is the user whom Personal describes. When it is empty, an "email" in
	// Personal is that of somebody without an account, which is forgotten together with an
	// account that gets that address; anything else describes the actor.
	PersonalOf string `json:"personal_of,omitempty"`
}

// Name returns security.fact.
func (Fact) Name() string { return "security.fact" }
