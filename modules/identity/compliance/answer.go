package compliance

import (
	"context"
	"errors"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
)

// errNoPrincipal means that an operation was declared without requiring a session.
var errNoPrincipal = errors.New("compliance: an operation that needs a session was called without one")

// OrganizationOf is the path of an organization.
type OrganizationOf struct {
	ID httpx.ID `path:"id" doc:"Id of an organization that you belong to."`
}

// MemberOf is the path of one of its members.
type MemberOf struct {
	OrganizationOf

	UserID httpx.ID `path:"userId" doc:"Id of the member's user."`
}

// shown returns a policy as the API shows it.
func (p Policy) shown(organizationID string) SecurityPolicyResult {
	return SecurityPolicyResult{Policy: SecurityPolicy{
		OrganizationID: organizationID, Mode: p.Mode, GraceDays: p.GraceDays, NotifyDays: p.NotifyDays, Version: p.Version,
	}}
}

func (h handler) readPolicy(ctx context.Context, in *OrganizationOf) (*httpx.Reply[SecurityPolicyResult], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	policy, etag, err := h.service.ReadPolicy(ctx, p.UserID, in.ID.String())
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[SecurityPolicyResult]{Data: policy.shown(in.ID.String()), ETag: etag}, nil
}

type policyInput struct {
	OrganizationOf
	httpx.IfMatch

	Body SecurityPolicyBody
}

// change returns what the body says: a policy replaces the one before, and what is absent
// is not kept.
func (b SecurityPolicyBody) change() PolicyChange {
	c := PolicyChange{Mode: ModeOptional, GraceDays: DefaultGraceDays, NotifyDays: DefaultNotifyDays}
	if b.Mode != nil {
		c.Mode = *b.Mode
	}
	if b.GraceDays != nil {
		c.GraceDays = *b.GraceDays
	}
	if b.NotifyDays != nil {
		c.NotifyDays = *b.NotifyDays
	}
	return c
}

func (h handler) setPolicy(ctx context.Context, in *policyInput) (*httpx.Reply[SecurityPolicyResult], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	policy, etag, err := h.service.SetPolicy(ctx, p.UserID, in.ID.String(), in.Body.change(), in.Check)
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[SecurityPolicyResult]{Data: policy.shown(in.ID.String()), ETag: etag}, nil
}

type overrideInput struct {
	MemberOf

	Body SecurityOverrideBody
}

func (h handler) setOverride(ctx context.Context, in *overrideInput) (*httpx.Reply[UserSecurityPolicyResult], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	o, err := h.service.SetOverride(ctx, p.UserID, in.ID.String(), in.UserID.String(), Override(in.Body))
	if err != nil {
		return nil, err
	}
	return httpx.OK(UserSecurityPolicyResult{Policy: UserSecurityPolicy{
		UserID: in.UserID.String(), OrganizationID: in.ID.String(), Mode: o.Mode, ForceTOTP: o.ForceTOTP, ForceWebAuthn: o.ForceWebAuthn,
	}}), nil
}

type listInput struct {
	OrganizationOf

	Status Status `query:"status" enum:"not_applicable,compliant,pending,in_grace,past_due,suspended" doc:"Only members with this status."`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"100" doc:"How many rows to answer with at most."`
	Offset int    `query:"offset" minimum:"0" maximum:"1000000" default:"0" doc:"How many rows to leave out at the start."`
}

func (h handler) list(ctx context.Context, in *listInput) (*httpx.Reply[MemberStandings], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	members, err := h.service.List(ctx, p.UserID, in.ID.String(), Filter{Status: in.Status, Limit: in.Limit, Offset: in.Offset})
	if err != nil {
		return nil, err
	}
	list := MemberStandings{Compliance: make([]MemberStanding, len(members)), Count: len(members), Limit: in.Limit, Offset: in.Offset}
	for i, m := range members {
		list.Compliance[i] = MemberStanding(m)
	}
	return httpx.OK(list), nil
}

func (h handler) remind(ctx context.Context, in *MemberOf) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.service.Remind(ctx, p.UserID, in.ID.String(), in.UserID.String()); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

func (h handler) readOwn(ctx context.Context, _ *struct{}) (*httpx.Reply[OwnComplianceResult], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	overview, err := h.service.OverviewOf(ctx, p.UserID, nil)
	if err != nil {
		return nil, err
	}
	return httpx.OK(OwnComplianceResult{Compliance: overview.shown()}), nil
}

// shown returns the overview as the API shows it.
func (o Overview) shown() OwnCompliance {
	own := OwnCompliance{
		Overall: o.OverallStatus, Missing: o.MissingMethods, DeadlineAt: o.DeadlineAt, Orgs: make([]OwnStanding, len(o.Organizations)),
	}
	for i, st := range o.Organizations {
		own.Orgs[i] = OwnStanding(st)
	}
	return own
}
