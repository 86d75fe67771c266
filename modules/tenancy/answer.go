package tenancy

import (
	"context"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
)

type createInput struct{ Body CreateBody }

// organization returns what the body says.
func (in *createInput) organization() NewOrganization {
	b := in.Body
	return NewOrganization{Name: b.Name, Slug: b.Slug, Description: b.Description.Value, LogoURL: b.LogoURL.Value}
}

// judgeCreate complains beside the document's rules.
func (h handler) judgeCreate(in *createInput) map[string][]string {
	return in.organization().complaints()
}

func (h handler) create(ctx context.Context, in *createInput) (*httpx.Reply[OrganizationResult], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	o, _, err := h.service.Create(ctx, p.UserID, in.organization())
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[OrganizationResult]{Data: OrganizationResult{Organization: o}, Location: listPath + "/" + o.ID}, nil
}

// OrganizationPath is the path of an organization.
type OrganizationPath struct {
	ID httpx.ID `path:"id" doc:"Id of an organization that you belong to."`
}

func (h handler) read(ctx context.Context, in *OrganizationPath) (*httpx.Reply[OrganizationRead], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	o, etag, members, err := h.service.Read(ctx, p.UserID, in.ID.String())
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[OrganizationRead]{Data: OrganizationRead{Organization: o, Members: members}, ETag: etag}, nil
}

type updateInput struct {
	OrganizationPath
	httpx.IfMatch

	Body UpdateBody
}

// profile returns what the body says.
func (in *updateInput) profile() Profile {
	b := in.Body
	return Profile{Name: b.Name, Description: Change(b.Description), LogoURL: Change(b.LogoURL), Precondition: in.Check}
}

// judgeUpdate complains beside the document's rules.
func (h handler) judgeUpdate(in *updateInput) map[string][]string { return in.profile().complaints() }

func (h handler) update(ctx context.Context, in *updateInput) (*httpx.Reply[OrganizationResult], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	o, etag, err := h.service.Update(ctx, p.UserID, in.ID.String(), in.profile())
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[OrganizationResult]{Data: OrganizationResult{Organization: o}, ETag: etag}, nil
}

type deleteInput struct {
	OrganizationPath
	httpx.IfMatch
}

func (h handler) delete(ctx context.Context, in *deleteInput) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.service.Delete(ctx, p.UserID, in.ID.String(), in.Check); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

type listInput struct{ httpx.PageQuery }

func (h handler) list(ctx context.Context, in *listInput) (*httpx.Reply[OrganizationList], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	after, err := httpx.AfterID(in.Cursor)
	if err != nil {
		return nil, err
	}
	list, more, err := h.service.List(ctx, p.UserID, after, in.Limit)
	if err != nil {
		return nil, err
	}
	next := ""
	if more {
		next = list[len(list)-1].ID
	}
	reply := httpx.OK(OrganizationList{Organizations: list, Count: len(list)})
	reply.Page, err = httpx.IDPage(in.Limit, next)
	return reply, err
}
