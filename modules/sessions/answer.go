package sessions

import (
	"context"
	"errors"
	"slices"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/secret"
)

// maxPasswordBytes bounds what a log-in hashes. No password that can be set is longer.
const maxPasswordBytes = 1024

// methodTOTP is the authentication method of a one-time code (RFC 8176 §2).
const methodTOTP = authn.MethodOTP

// errNoPrincipal is a wrong declaration: an operation that requires a session has one.
var errNoPrincipal = errors.New("sessions: a request without a principal reached an operation that needs one")

type loginInput struct{ Body LoginBody }

func (h handler) login(ctx context.Context, in *loginInput) (*httpx.Reply[LoginResult], error) {
	if len(in.Body.Password) > maxPasswordBytes {
		return nil, apperr.Field("password", "Longer than maximum length 1024.")
	}
	outcome, err := h.service.Login(ctx, PasswordLogin{
		Email: in.Body.Email, Password: secret.New(in.Body.Password), Remember: in.Body.RememberMe, Client: authn.ClientFrom(ctx),
	})
	if err != nil {
		return nil, err
	}
	if c := outcome.Challenge; c != nil {
		reply := httpx.OK(challenged(c))
		reply.Message = "One more proof is needed."
		reply.Keep = []httpx.Keep{{Name: authn.ChallengeCookie, Value: c.Token, For: c.ExpiresAt.Sub(h.service.clock.Now())}}
		return reply, nil
	}
	session := outcome.Session
	overview, err := h.service.compliance.ComplianceOf(ctx, session.Account.UserID, session.Affiliations)
	if err != nil {
		return nil, err
	}
	reply := httpx.OK(LoginResult{
		User: session.Account.Profile, Token: session.Token.Reveal(), ExpiresAt: session.ExpiresAt,
		Compliance: &overview, NeedsEnrollment: session.ComplianceOnly,
	})
	reply.SignIn = session
	return reply, nil
}

// challenged asks for a further proof, under the names that older clients look for.
func challenged(c *authn.Challenge) LoginResult {
	r := LoginResult{MFAToken: c.Token.Reveal(), Methods: c.Methods, ExpiresAt: c.ExpiresAt}
	if slices.Index(c.Methods, methodTOTP) == 0 {
		r.NeedsTOTP = true
	} else {
		r.NeedsWebAuthn = true
	}
	return r
}

type noInput struct{}

func (h handler) logout(ctx context.Context, _ *noInput) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.service.Logout(ctx, p); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{SignOut: true}, nil
}

func (h handler) me(ctx context.Context, _ *noInput) (*httpx.Reply[Me], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	standing, err := h.service.standings.StandingOf(ctx, h.service.db.Read(), p.UserID)
	if err != nil {
		return nil, err
	}
	return httpx.OK(Me{User: p.Account.Profile, Organizations: standing.Organizations}), nil
}

type listInput struct{ httpx.PageQuery }

func (h handler) list(ctx context.Context, in *listInput) (*httpx.Reply[SessionList], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	after, err := httpx.AfterID(in.Cursor)
	if err != nil {
		return nil, err
	}
	sessions, next, err := h.service.List(ctx, p, after, in.Limit)
	if err != nil {
		return nil, err
	}
	reply := httpx.OK(SessionList{Sessions: sessions, Count: len(sessions)})
	reply.Page, err = httpx.IDPage(in.Limit, next)
	return reply, err
}

func (h handler) refresh(ctx context.Context, _ *noInput) (*httpx.Reply[Refreshed], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	// Being here has extended it.
	return httpx.OK(Refreshed{ExpiresAt: p.ExpiresAt, AbsoluteExpiresAt: p.AbsoluteExpiresAt}), nil
}

type sessionInput struct {
	ID httpx.ID `path:"id" doc:"Id of one of the user's sessions."`
}

func (h handler) revoke(ctx context.Context, in *sessionInput) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.service.Revoke(ctx, p, in.ID.String()); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{SignOut: in.ID.String() == p.SessionID}, nil
}

type revokeAllInput struct {
	IncludeCurrent bool `query:"include_current" default:"false" doc:"Ends the session of this request too."`
}

func (h handler) revokeAll(ctx context.Context, in *revokeAllInput) (*httpx.Reply[RevokedCount], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	n, err := h.service.RevokeAll(ctx, p, in.IncludeCurrent)
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[RevokedCount]{Data: RevokedCount{Revoked: n}, SignOut: in.IncludeCurrent}, nil
}
