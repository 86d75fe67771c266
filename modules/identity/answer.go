package identity

import (
	"context"
	"errors"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/secret"
)

// errNoPrincipal is a wrong declaration: an operation that requires a session has one.
var errNoPrincipal = errors.New("identity: a request without a principal reached an operation that needs one")

type registerInput struct{ Body RegisterBody }

// registration returns what the body says.
func (in *registerInput) registration() Registration {
	r := Registration{Email: in.Body.Email, Password: secret.New(in.Body.Password), Confirm: secret.New(in.Body.Confirm)}
	if name := in.Body.FullName.Value; name != nil {
		r.FullName = *name
	}
	return r
}

// judgeRegister complains beside the document's rules. Whether a password is known from
// breaches is told by the handler too, should the list not be readable now.
func (h handler) judgeRegister(in *registerInput) map[string][]string {
	_, complaints, err := h.service.complaints(in.registration())
	if err != nil {
		return nil
	}
	return complaints
}

func (h handler) register(ctx context.Context, in *registerInput) (*httpx.Reply[RegisterResult], error) {
	r := in.registration()
	r.Client = authn.ClientFrom(ctx)
	done, err := h.service.Register(ctx, r)
	if err != nil {
		return nil, err
	}
	reply := httpx.OK(RegisterResult{User: done.Account.Profile})
	if s := done.Session; s != nil {
		reply.Data.Token, reply.Data.ExpiresAt = s.Token.Reveal(), s.ExpiresAt
		reply.SignIn, reply.Location = s, mePath
	}
	return reply, nil
}

type noInput struct{}

func (h handler) get(ctx context.Context, _ *noInput) (*httpx.Reply[UserResult], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	return &httpx.Reply[UserResult]{Data: UserResult{User: p.Account.Profile}, ETag: p.Account.ETag}, nil
}

type updateInput struct {
	httpx.IfMatch
	Body UpdateBody
}

func (h handler) update(ctx context.Context, in *updateInput) (*httpx.Reply[UserResult], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	account, err := h.service.ChangeProfile(ctx, p.UserID, ProfileChange{
		FullName: Change(in.Body.FullName), AvatarURL: Change(in.Body.AvatarURL), Precondition: in.Check,
	})
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[UserResult]{Data: UserResult{User: account.Profile}, ETag: account.ETag}, nil
}

type deleteInput struct {
	httpx.IfMatch
	Body *DeleteBody
}

func (h handler) delete(ctx context.Context, in *deleteInput) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	d := Deletion{Precondition: in.Check, Client: authn.ClientFrom(ctx)}
	if in.Body != nil {
		d.Current = secret.New(in.Body.Current)
	}
	if err := h.service.Delete(ctx, p, d); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{SignOut: true}, nil
}

type passwordInput struct{ Body PasswordBody }

// judgePassword complains beside the document's rules.
func (h handler) judgePassword(in *passwordInput) map[string][]string {
	complaints := map[string][]string{}
	if err := h.service.checkNew(complaints, "new_password", secret.New(in.Body.New), secret.New(in.Body.Confirm), ""); err != nil {
		return nil
	}
	return complaints
}

func (h handler) changePassword(ctx context.Context, in *passwordInput) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	err := h.service.ChangePassword(ctx, p, PasswordChange{
		Current: secret.New(in.Body.Current), New: secret.New(in.Body.New), Confirm: secret.New(in.Body.Confirm),
		Client: authn.ClientFrom(ctx),
	})
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

func (h handler) export(ctx context.Context, _ *noInput) (*httpx.Reply[map[string]any], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	all, err := h.service.Export(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	return httpx.OK(all), nil
}
