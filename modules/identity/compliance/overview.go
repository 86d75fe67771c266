package compliance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
)

// Overview is how a user stands to everything that is asked of them.
type Overview struct {
	// OverallStatus is the worst of all; somebody of whom nothing is asked is compliant.
	OverallStatus Status
	// MissingMethods is what would satisfy the organizations that are not satisfied.
	MissingMethods []string
	// DeadlineAt is the earliest of theirs.
	DeadlineAt    *time.Time
	Organizations []Standing
}

// Standing is how a user stands to what one organization asks.
type Standing struct {
	OrganizationID, OrganizationName string
	Status                           Status
	EffectiveMode                    Mode
	// DeadlineAt is nil while nothing is missing, AppliedAt while nothing is asked.
	DeadlineAt, AppliedAt *time.Time
}

// OverviewOf tells how a user stands to what the organizations ask, in one statement; one more
// when an organization asks a member for both factors, and some are missing. It writes
// nothing. Without organizations (nil) it asks for those that they belong to. It is not called
// inside a transaction.
func (s *Service) OverviewOf(ctx context.Context, userID string, organizations []authn.Affiliation) (Overview, error) {
	o := Overview{OverallStatus: StatusCompliant, MissingMethods: []string{}, Organizations: []Standing{}}
	if organizations == nil {
		var err error
		if organizations, err = s.members.Belongings(ctx, s.db.Read(), userID); err != nil {
			return o, err
		}
	}
	if len(organizations) == 0 {
		return o, nil
	}
	asked, err := s.asked(ctx, userID, organizations)
	if err != nil {
		return o, err
	}
	held, err := s.heldForBoth(ctx, userID, asked)
	if err != nil {
		return o, err
	}
	now := s.now()
	for _, organization := range organizations {
		a := asked[organization.ID]
		standing := a.standing(organization, now)
		o.Organizations = append(o.Organizations, standing)
		o.OverallStatus = o.OverallStatus.Worse(standing.Status)
		if standing.DeadlineAt != nil && (o.DeadlineAt == nil || standing.DeadlineAt.Before(*o.DeadlineAt)) {
			o.DeadlineAt = standing.DeadlineAt
		}
		if a.row.Status.Unsatisfied() {
			o.MissingMethods = append(o.MissingMethods, a.row.demand().Missing(held)...)
		}
	}
	slices.Sort(o.MissingMethods)
	o.MissingMethods = slices.Compact(o.MissingMethods)
	return o, nil
}

// ask is what one organization asks of a user.
type ask struct {
	policy Policy
	row    Row
	// judged is false for somebody who has no row.
	judged bool
}

// standing is how the user stands to it.
func (a ask) standing(o authn.Affiliation, now time.Time) Standing {
	st := Standing{OrganizationID: o.ID, OrganizationName: o.Name, Status: StatusNotApplicable, EffectiveMode: ModeDisabled}
	if a.judged {
		st.Status, st.EffectiveMode = a.row.Shown(a.policy.Version, now), a.row.EffectiveMode
		st.DeadlineAt, st.AppliedAt = a.row.DeadlineAt, a.row.AppliedAt
		return st
	}
	d := DemandOf(a.policy.asked(), Override{})
	switch st.EffectiveMode = d.Mode; {
	case d.Required():
		st.Status = StatusPending
	case d.Mode == ModeOptional:
		st.Status = StatusCompliant
	}
	return st
}

// heldForBoth returns the factors of a user of whom somebody asks both; of nobody else's they
// say more than the rows do.
func (s *Service) heldForBoth(ctx context.Context, userID string, asked map[string]ask) (Held, error) {
	for _, a := range asked {
		if d := a.row.demand(); a.row.Status.Unsatisfied() && d.TOTP && d.WebAuthn {
			held, err := s.factors.FactorsOf(ctx, s.db.Read(), []string{userID})
			return held[userID], err
		}
	}
	return Held{}, nil
}

// asked returns what organizations ask of a user, by organization.
func (s *Service) asked(ctx context.Context, userID string, organizations []authn.Affiliation) (map[string]ask, error) {
	ids := make([]string, len(organizations))
	for i, o := range organizations {
		ids[i] = o.ID
	}
	rows, err := s.db.Read().NewSelect().
		TableExpr(`(SELECT organization_id FROM identity_mfa_policies WHERE organization_id IN (?)
	UNION SELECT organization_id FROM identity_mfa_members WHERE user_id = ?) AS o`, bun.List(ids), userID).
		Join(`LEFT JOIN identity_mfa_policies AS p ON p.organization_id = o.organization_id`).
		Join(`LEFT JOIN identity_mfa_members AS m ON m.organization_id = o.organization_id AND m.user_id = ?`, userID).
		ColumnExpr(`o.organization_id, coalesce(p.mode, ''), coalesce(p.version, 0), m.user_id IS NOT NULL, coalesce(m.override_mode, 'inherit'),
	coalesce(m.force_totp, FALSE), coalesce(m.force_webauthn, FALSE), coalesce(m.effective_mode, 'disabled'), coalesce(m.status, ''),
	coalesce(m.policy_version, 0), m.applied_at, m.deadline_at`).Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("compliance: find what is asked of a user: %w", database.Translate(err))
	}
	defer rows.Close()
	found := map[string]ask{}
	for rows.Next() {
		var a ask
		r := &a.row
		err := rows.Scan(&r.OrganizationID, &a.policy.Mode, &a.policy.Version, &a.judged, &r.Override.Mode, &r.Override.ForceTOTP,
			&r.Override.ForceWebAuthn, &r.EffectiveMode, &r.Status, &r.PolicyVersion, instant{&r.AppliedAt}, instant{&r.DeadlineAt})
		if err != nil {
			return nil, fmt.Errorf("compliance: read what is asked of a user: %w", database.Translate(err))
		}
		found[r.OrganizationID] = a
	}
	return found, database.Translate(rows.Err())
}
