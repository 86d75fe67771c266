package tenancy

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// SessionPolicy is how long sessions of an organization's members may idle and live, in
// seconds. Nil leaves it to the system.
type SessionPolicy struct {
	Idle     *int64 `json:"idle_timeout" minimum:"60" doc:"Seconds without a request after which a session ends; null leaves it to the system."`
	Absolute *int64 `json:"absolute_timeout" minimum:"60" doc:"Seconds after which a session ends whatever happens; null leaves it to the system."`
}

const (
	// minTimeout is the shortest timeout, in seconds: below it people are thrown out while
	// they read.
	minTimeout = 60
	// maxTimeout is the longest, in seconds: no system has sessions that live longer than
	// 400 days.
	maxTimeout = 400 * 24 * 60 * 60
)

// complaints says what is wrong with the policy under the limits of the system.
func (p SessionPolicy) complaints(system SystemLimits) map[string][]string {
	found := map[string][]string{}
	bound := func(name string, value *int64, system time.Duration) {
		highest := int64(maxTimeout)
		if system > 0 {
			highest = min(highest, int64(system/time.Second))
		}
		if value != nil && (*value < minTimeout || *value > highest) {
			found[name] = []string{fmt.Sprintf("Must be greater than or equal to %d and less than or equal to %d.", minTimeout, highest)}
		}
	}
	bound("idle_timeout", p.Idle, system.Idle)
	bound("absolute_timeout", p.Absolute, system.Absolute)
	if len(found) == 0 && p.Idle != nil && p.Absolute != nil && *p.Idle > *p.Absolute {
		found["idle_timeout"] = []string{"Must be less than or equal to absolute_timeout."}
	}
	return found
}

// etag is the entity tag of the policy of an organization.
func (p SessionPolicy) etag(organizationID string) string {
	return `"` + tail(organizationID) + "-" + secondsText(p.Idle) + "-" + secondsText(p.Absolute) + `"`
}

// secondsText writes a timeout; nil is the system's.
func secondsText(n *int64) string {
	if n == nil {
		return "system"
	}
	return strconv.FormatInt(*n, 10)
}

// policy returns the row's session policy.
func (r *organizationRow) policy() SessionPolicy {
	return SessionPolicy{Idle: r.Idle, Absolute: r.Absolute}
}

// ReadPolicy returns an organization's session policy and its entity tag.
func (s *Service) ReadPolicy(ctx context.Context, userID, organizationID string) (SessionPolicy, string, error) {
	r, _, err := s.store.readOrganization(ctx, s.db.Read(), userID, organizationID, authn.PermissionPoliciesRead)
	if err != nil {
		return SessionPolicy{}, "", err
	}
	return r.policy(), r.policy().etag(organizationID), nil
}

// SetPolicy replaces an organization's session policy, which may only be shorter than what
// the system has, and returns its entity tag. It rules every member from their next request
// on.
func (s *Service) SetPolicy(ctx context.Context, userID, organizationID string, p SessionPolicy, check Precondition) (string, error) {
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.store.hold(ctx, tx, userID, organizationID); err != nil {
			return err
		}
		r, _, err := s.store.readOrganization(ctx, tx, userID, organizationID, authn.PermissionPoliciesManage)
		if err != nil {
			return err
		}
		if err := apperr.Fields(p.complaints(s.limits)); err != nil {
			return err
		}
		old := r.policy().etag(organizationID)
		if err := check(old); err != nil {
			return err
		}
		if old == p.etag(organizationID) {
			return nil
		}
		return s.replacePolicy(ctx, tx, userID, organizationID, p)
	})
	return p.etag(organizationID), err
}

// replacePolicy writes a policy and has every member's sessions judged anew.
func (s *Service) replacePolicy(ctx context.Context, tx bun.Tx, userID, organizationID string, p SessionPolicy) error {
	if err := s.store.updatePolicy(ctx, tx, organizationID, p.Idle, p.Absolute); err != nil {
		return err
	}
	members, err := s.store.memberIDs(ctx, tx, organizationID)
	if err != nil {
		return err
	}
	if err := s.stale(ctx, tx, members...); err != nil {
		return err
	}
	what := map[string]string{"idle_timeout": secondsText(p.Idle), "absolute_timeout": secondsText(p.Absolute)}
	return s.bus.Publish(ctx, tx, aboutOrganization(ActionPolicy, userID, organizationID, what))
}
