package compliance

import (
	"context"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// What holds for an organization that never set a policy, and what a policy has that does
// not say otherwise.
const (
	DefaultMode       = ModeOptional
	DefaultGraceDays  = 14
	DefaultNotifyDays = 7
)

// The bounds of a policy, in days.
const (
	MaxGraceDays  = 365
	MaxNotifyDays = 30
)

// Policy is what an organization asks of its members' second factors.
type Policy struct {
	OrganizationID string
	Mode           Mode
	// GraceDays is how long a member has to do what is asked; zero is no time at all.
	GraceDays int64
	// NotifyDays is how many days before the deadline reminders begin; zero sends none.
	NotifyDays int64
	// Version counts the changes. Zero is an organization that never set a policy: it asks
	// nothing of anybody.
	Version int64
}

// PolicyChange is what a policy is replaced by.
type PolicyChange struct {
	Mode                  Mode
	GraceDays, NotifyDays int64
}

// DefaultPolicy is what an organization shows that never set one.
func DefaultPolicy(organizationID string) Policy {
	return Policy{OrganizationID: organizationID, Mode: DefaultMode, GraceDays: DefaultGraceDays, NotifyDays: DefaultNotifyDays}
}

// asked returns the mode that binds members; empty without a policy.
func (p Policy) asked() Mode {
	if p.Version == 0 {
		return ""
	}
	return p.Mode
}

// grace returns how long members have.
func (p Policy) grace() time.Duration {
	if p.Version == 0 {
		return DefaultGraceDays * day
	}
	return time.Duration(p.GraceDays) * day
}

// etag is the entity tag of the policy.
func (p Policy) etag() string {
	tail := p.OrganizationID[max(0, len(p.OrganizationID)-12):] // the random part
	return `"` + tail + "-mfa-" + strconv.FormatInt(p.Version, 10) + `"`
}

// complaints says what is wrong with the change.
func (c PolicyChange) complaints() map[string][]string {
	found := map[string][]string{}
	if !c.Mode.Valid() {
		found["mfa_policy_mode"] = []string{"Must be one of: disabled, optional, require_totp, require_webauthn, require_totp_or_webauthn."}
	}
	bound := func(name string, value, highest int64) {
		if value < 0 || value > highest {
			found[name] = []string{"Must be greater than or equal to 0 and less than or equal to " + strconv.FormatInt(highest, 10) + "."}
		}
	}
	bound("mfa_grace_period_days", c.GraceDays, MaxGraceDays)
	bound("notify_days_before", c.NotifyDays, MaxNotifyDays)
	return found
}

// Precondition says whether something with the entity tag is still what the client saw; its
// error is the answer when not.
type Precondition func(etag string) error

// ReadPolicy returns what an organization asks of its members, to every member, and its
// entity tag.
func (s *Service) ReadPolicy(ctx context.Context, userID, organizationID string) (Policy, string, error) {
	m, err := s.authorizer.Authorize(ctx, s.db.Read(), userID, organizationID, authn.PermissionOrganizationRead)
	if err != nil {
		return Policy{}, "", err
	}
	p, err := s.policies.find(ctx, s.db.Read(), m.OrganizationID)
	return p, p.etag(), err
}

// SetPolicy replaces what an organization asks of its members and returns it with its entity
// tag. Its version is one more when anything changed. The members are judged anew one batch
// after the other, beginning at once.
func (s *Service) SetPolicy(ctx context.Context, userID, organizationID string, c PolicyChange, check Precondition) (Policy, string, error) {
	var p Policy
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		m, err := s.authorizer.Authorize(ctx, tx, userID, organizationID, authn.PermissionPoliciesManage)
		if err != nil {
			return err
		}
		if err := apperr.Fields(c.complaints()); err != nil {
			return err
		}
		if err := s.policies.hold(ctx, tx, m.OrganizationID); err != nil {
			return err
		}
		// The organization may have ended while the hold was waited for.
		if m, err = s.authorizer.Authorize(ctx, tx, userID, organizationID, authn.PermissionPoliciesManage); err != nil {
			return err
		}
		old, err := s.policies.find(ctx, tx, m.OrganizationID)
		if err != nil {
			return err
		}
		p = old
		if err := check(old.etag()); err != nil {
			return err
		}
		p.Mode, p.GraceDays, p.NotifyDays = c.Mode, c.GraceDays, c.NotifyDays
		if p == old && old.Version > 0 {
			return nil
		}
		p.Version++
		return s.replace(ctx, tx, m.UserID, old, p)
	})
	return p, p.etag(), err
}

// replace writes a policy and has the members judged by it.
func (s *Service) replace(ctx context.Context, tx bun.Tx, actorID string, old, p Policy) error {
	if err := s.policies.put(ctx, tx, p, s.now()); err != nil {
		return err
	}
	if err := s.jobs.Enqueue(ctx, tx, Reevaluation{OrganizationID: p.OrganizationID, Version: p.Version}); err != nil {
		return err
	}
	return s.bus.Publish(ctx, tx, aboutPolicy(actorID, old, p))
}
