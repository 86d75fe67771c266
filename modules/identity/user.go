package identity

import "time"

// Status is what a user may do.
type Status string

// The statuses. Users of the first three may sign in.
const (
	StatusActive              Status = "active"
	StatusPending             Status = "pending"
	StatusComplianceSuspended Status = "compliance_suspended"
	StatusSuspended           Status = "suspended"
	StatusInactive            Status = "inactive"
)

// User is a user as the API shows them.
type User struct {
	ID            string     `json:"id" format:"uuid"`
	Email         string     `json:"email" format:"idn-email" doc:"Address of the account, lower-cased."`
	EmailVerified bool       `json:"email_verified" doc:"True once the user proved to own the address."`
	FullName      *string    `json:"full_name"`
	AvatarURL     *string    `json:"avatar_url"`
	Status        Status     `json:"status" enum:"active,inactive,suspended,pending,compliance_suspended"`
	LastLoginAt   *time.Time `json:"last_login_at"`
	LastLoginIP   *string    `json:"last_login_ip" doc:"Address that the last sign-in came from."`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
}

// userRow is a row of identity_users. Its password is a [credential].
type userRow struct {
	ID                string
	Email             string
	EmailVerified     bool
	FullName          *string
	AvatarURL         *string
	Status            Status
	CredentialVersion int64
	LastLoginAt       time.Time // zero: never
	LastLoginIP       *string
	Version           int64
	CreatedAt         time.Time
	UpdatedAt         time.Time
	// SecondFactor and RestrictedFrom are those of the account; a zero time is never.
	SecondFactor   bool
	RestrictedFrom time.Time
	// VerificationDueAt is set on a new user who is owed the mail that verifies the address.
	// It is written, and read by those who send that mail.
	VerificationDueAt *time.Time
}

// credential is a user with the stored form of their password; it is empty for users who
// have none.
type credential struct {
	userRow
	hash string
}

// user returns the row as the API shows it.
func (r *userRow) user() User {
	u := User{
		ID: r.ID, Email: r.Email, EmailVerified: r.EmailVerified, FullName: r.FullName, AvatarURL: r.AvatarURL,
		Status: r.Status, LastLoginIP: r.LastLoginIP, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if !r.LastLoginAt.IsZero() {
		at := r.LastLoginAt.UTC()
		u.LastLoginAt = &at
	}
	return u
}
