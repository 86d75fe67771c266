package sessions

import (
	"strings"
	"time"

	"github.com/uptrace/bun"
)

// Status is what has become of a session.
type Status string

// The statuses. Only an ACTIVE session within its limits signs anybody in.
const (
	Active  Status = "ACTIVE"
	Revoked Status = "REVOKED"
	Expired Status = "EXPIRED"
)

// row is a session as the database holds it, which is the truth about it. Activity
// reaches it in batches, so that last_activity_at and expires_at may lag behind by one
// write-back interval while everything else is exact.
type row struct {
	bun.BaseModel `bun:"table:sessions_sessions,alias:s"`

	ID             string     `bun:"id,pk"`
	UserID         string     `bun:"user_id"`
	TokenHash      []byte     `bun:"token_hash"`
	Status         Status     `bun:"status"`
	IPAddress      *string    `bun:"ip_address"`
	UserAgent      *string    `bun:"user_agent"`
	AuthMethods    string     `bun:"auth_methods"`
	ComplianceOnly bool       `bun:"is_compliance_only"`
	Remember       bool       `bun:"remember"`
	IdleSeconds    int64      `bun:"idle_seconds"`
	Cap            time.Time  `bun:"absolute_expires_at"`
	ExpiresAt      time.Time  `bun:"expires_at"`
	LastActivityAt time.Time  `bun:"last_activity_at"`
	AuthAt         time.Time  `bun:"authenticated_at"`
	RevokedAt      *time.Time `bun:"revoked_at"`
	RevokedReason  *string    `bun:"revoked_reason"`
	CreatedAt      time.Time  `bun:"created_at"`
	UpdatedAt      time.Time  `bun:"updated_at"`
}

// idle returns how long the session may go without a request.
func (r *row) idle() time.Duration { return time.Duration(r.IdleSeconds) * time.Second }

// bound returns the idle window and the cap of the session under rules, which can
// only shorten what it was created with.
func (r *row) bound(rules LimitRules) (idle time.Duration, end time.Time) {
	idle, end = r.idle(), r.Cap
	if rules.Idle > 0 {
		idle = min(idle, rules.Idle)
	}
	if rules.Absolute > 0 {
		if e := r.CreatedAt.Add(rules.Absolute); e.Before(end) {
			end = e
		}
	}
	return idle, end
}

// live reports whether a session last used at last is within its limits at now.
func live(now, last time.Time, idle time.Duration, end time.Time) bool {
	return now.Before(end) && now.Before(last.Add(idle))
}

// deadline returns when a session used at now dies if it is not used again.
func deadline(now time.Time, idle time.Duration, end time.Time) time.Time {
	if d := now.Add(idle); d.Before(end) {
		return d
	}
	return end
}

// methodsText and methodsOf are how auth_methods is stored: RFC 8176 values, which hold
// no comma, in the order they were given.
func methodsText(methods []string) string { return strings.Join(methods, ",") }

func methodsOf(text string) []string {
	if text == "" {
		return []string{}
	}
	return strings.Split(text, ",")
}

// optional returns nil for the empty text, the NULL of the database.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// instant returns t in UTC with the resolution of milliseconds that rows and cached
// values share.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
