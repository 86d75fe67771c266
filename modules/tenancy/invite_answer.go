package tenancy

import (
	"context"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/secret"
)

type listInvitesInput struct {
	httpx.PageQuery
	ID httpx.ID `path:"id" doc:"Id of the organization."`
}

func (h handler) listInvites(ctx context.Context, in *listInvitesInput) (*httpx.Reply[InviteList], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	after, err := httpx.AfterID(in.Cursor)
	if err != nil {
		return nil, err
	}
	list, next, err := h.service.Invites(ctx, p.UserID, in.ID.String(), after, in.Limit)
	if err != nil {
		return nil, err
	}
	reply := httpx.OK(InviteList{Invites: list, Count: len(list)})
	reply.Page, err = httpx.IDPage(in.Limit, next)
	return reply, err
}

type createInviteInput struct {
	ID   httpx.ID `path:"id" doc:"Id of the organization."`
	Body InviteBody
}

func (h handler) createInvite(ctx context.Context, in *createInviteInput) (*httpx.Reply[InviteResult], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.mayGive(p, in.Body.Role); err != nil {
		return nil, err
	}
	invite, err := h.service.Invite(ctx, p, in.ID.String(), NewInvite{Email: in.Body.Email, Role: in.Body.Role})
	if err != nil {
		return nil, err
	}
	return httpx.OK(InviteResult{Invite: invite}), nil
}

type inviteInput struct {
	ID       httpx.ID `path:"id" doc:"Id of the organization."`
	InviteID httpx.ID `path:"inviteId" doc:"Id of the invitation."`
}

func (h handler) resendInvite(ctx context.Context, in *inviteInput) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.service.ResendInvite(ctx, p, in.ID.String(), in.InviteID.String()); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

func (h handler) cancelInvite(ctx context.Context, in *inviteInput) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.service.CancelInvite(ctx, p.UserID, in.ID.String(), in.InviteID.String()); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

type listReceivedInput struct{ httpx.PageQuery }

func (h handler) listReceivedInvites(ctx context.Context, in *listReceivedInput) (*httpx.Reply[ReceivedInviteList], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	after, err := httpx.AfterID(in.Cursor)
	if err != nil {
		return nil, err
	}
	list, next, err := h.service.ReceivedInvites(ctx, p, after, in.Limit)
	if err != nil {
		return nil, err
	}
	reply := httpx.OK(ReceivedInviteList{Invites: list, Count: len(list)})
	reply.Page, err = httpx.IDPage(in.Limit, next)
	return reply, err
}

type previewInput struct {
	Token string `path:"token" maxLength:"128" doc:"Token of the invitation, from the mail."`
}

func (h handler) previewInvite(ctx context.Context, in *previewInput) (*httpx.Reply[InvitePreview], error) {
	preview, err := h.service.PreviewInvite(ctx, in.Token)
	if err != nil {
		return nil, err
	}
	return httpx.OK(preview), nil
}

type acceptInput struct {
	Token string `path:"token" maxLength:"128" doc:"Token of the invitation, from the mail."`
	Body  *AcceptBody
}

func (h handler) acceptInvite(ctx context.Context, in *acceptInput) (*httpx.Reply[AcceptResult], error) {
	a := Acceptance{Token: in.Token, Client: authn.ClientFrom(ctx)}
	a.Principal, _ = authn.PrincipalFrom(ctx)
	if b := in.Body; b != nil {
		a.Password, a.Confirm = secret.New(b.Password), secret.New(b.Confirm)
		if b.FullName.Value != nil {
			a.FullName = *b.FullName.Value
		}
	}
	done, err := h.service.AcceptInvite(ctx, a)
	if err != nil {
		return nil, err
	}
	reply := httpx.OK(AcceptResult{User: done.Account.Profile, Organization: done.Organization})
	switch s := done.Session; {
	case s != nil:
		reply.Data.Token, reply.Data.ExpiresAt, reply.SignIn = s.Token.Reveal(), s.ExpiresAt, s
	case a.Principal != nil:
		reply.Data.ExpiresAt = a.Principal.ExpiresAt
	}
	return reply, nil
}
