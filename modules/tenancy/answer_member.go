package tenancy

import (
	"context"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
)

type membersInput struct {
	OrganizationPath
	httpx.PageQuery

	Offset int `query:"offset" minimum:"0" maximum:"1000000" default:"0" doc:"How many rows to leave out at the start; not beside a cursor."`
}

// judgeMembers complains beside the document's rules.
func judgeMembers(in *membersInput) map[string][]string {
	if in.Offset > 0 && in.Cursor != "" {
		return map[string][]string{"offset": {"Not beside a cursor."}}
	}
	return nil
}

func (h handler) listMembers(ctx context.Context, in *membersInput) (*httpx.Reply[MemberList], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := apperr.Fields(judgeMembers(in)); err != nil {
		return nil, err
	}
	after, err := httpx.AfterID(in.Cursor)
	if err != nil {
		return nil, err
	}
	list, next, err := h.service.Members(ctx, p.UserID, in.ID.String(), MemberQuery{After: after, Offset: in.Offset, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	reply := httpx.OK(MemberList{Members: list, Count: len(list)})
	reply.Page, err = httpx.IDPage(in.Limit, next)
	return reply, err
}

type addInput struct {
	OrganizationPath

	Body AddBody
}

func (h handler) addMember(ctx context.Context, in *addInput) (*httpx.Reply[MemberResult], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.mayGive(p, in.Body.Role); err != nil {
		return nil, err
	}
	m, err := h.service.AddMember(ctx, p.UserID, in.ID.String(), NewMember{Email: in.Body.Email, Role: in.Body.Role})
	if err != nil {
		return nil, err
	}
	return httpx.OK(MemberResult{Member: m}), nil
}

// mayGive refuses the role of an owner to whoever has not proved recently who they are: a
// new owner can remove the old one, so that it comes to a transfer of ownership.
func (h handler) mayGive(p *authn.Principal, role Role) error {
	if role == RoleOwner && !p.Fresh(h.service.clock.Now()) {
		return p.StepUpRequired()
	}
	return nil
}

// MemberPath is the path of a membership.
type MemberPath struct {
	OrganizationPath

	UserID httpx.ID `path:"userId" doc:"Id of the user whose membership it is."`
}

func (h handler) removeMember(ctx context.Context, in *MemberPath) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if p.ComplianceOnly && in.UserID.String() != p.UserID {
		return nil, apperr.ErrMFACompliance // whoever is added without being asked can leave, and no more
	}
	if err := h.service.RemoveMember(ctx, p.UserID, in.ID.String(), in.UserID.String()); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

type roleInput struct {
	MemberPath

	Body RoleBody
}

func (h handler) changeRole(ctx context.Context, in *roleInput) (*httpx.Reply[MemberResult], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.mayGive(p, in.Body.Role); err != nil {
		return nil, err
	}
	m, err := h.service.ChangeRole(ctx, p.UserID, in.ID.String(), in.UserID.String(), in.Body.Role)
	if err != nil {
		return nil, err
	}
	return httpx.OK(MemberResult{Member: m}), nil
}

type transferInput struct {
	OrganizationPath

	Body TransferBody
}

func (h handler) transfer(ctx context.Context, in *transferInput) (*httpx.Reply[Transferred], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	done, err := h.service.Transfer(ctx, p.UserID, in.ID.String(), in.Body.NewOwnerID)
	if err != nil {
		return nil, err
	}
	return httpx.OK(done), nil
}

func (h handler) listRoles(ctx context.Context, in *OrganizationPath) (*httpx.Reply[RoleList], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	roles, err := h.service.CountRoles(ctx, p.UserID, in.ID.String())
	if err != nil {
		return nil, err
	}
	return httpx.OK(RoleList{Roles: roles}), nil
}

func (h handler) readPolicy(ctx context.Context, in *OrganizationPath) (*httpx.Reply[SessionPolicy], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	policy, etag, err := h.service.ReadPolicy(ctx, p.UserID, in.ID.String())
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[SessionPolicy]{Data: policy, ETag: etag}, nil
}

type policyInput struct {
	OrganizationPath
	httpx.IfMatch

	Body PolicyBody
}

// judgePolicy complains beside the document's rules.
func (h handler) judgePolicy(in *policyInput) map[string][]string {
	return in.Body.policy().complaints(h.service.limits)
}

func (h handler) setPolicy(ctx context.Context, in *policyInput) (*httpx.Reply[SessionPolicy], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	policy := in.Body.policy()
	etag, err := h.service.SetPolicy(ctx, p.UserID, in.ID.String(), policy, in.Check)
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[SessionPolicy]{Data: policy, ETag: etag}, nil
}
