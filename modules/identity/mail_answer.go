package identity

import (
	"context"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/secret"
)

type verifyInput struct{ Body TokenBody }

func (h handler) verifyEmail(ctx context.Context, in *verifyInput) (*httpx.Reply[UserResult], error) {
	account, err := h.service.VerifyEmail(ctx, in.Body.Token)
	if err != nil {
		return nil, err
	}
	return httpx.OK(UserResult{User: account.Profile}), nil
}

type emailInput struct{ Body EmailBody }

func (h handler) resendVerification(ctx context.Context, in *emailInput) (*httpx.Reply[httpx.Empty], error) {
	if err := h.service.RequestVerification(ctx, in.Body.Email, authn.ClientFrom(ctx)); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

func (h handler) forgotPassword(ctx context.Context, in *emailInput) (*httpx.Reply[httpx.Empty], error) {
	if err := h.service.RequestReset(ctx, in.Body.Email, authn.ClientFrom(ctx)); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

type resetInput struct{ Body ResetBody }

// reset returns what the body says.
func (in *resetInput) reset() Reset {
	return Reset{Token: in.Body.Token, Password: secret.New(in.Body.Password), Confirm: secret.New(in.Body.Confirm)}
}

// judgeReset complains beside the document's rules.
func (h handler) judgeReset(in *resetInput) map[string][]string {
	complaints, err := h.service.complaintsOfReset(in.reset(), "")
	if err != nil {
		return nil
	}
	return complaints
}

func (h handler) resetPassword(ctx context.Context, in *resetInput) (*httpx.Reply[httpx.Empty], error) {
	r := in.reset()
	r.Client = authn.ClientFrom(ctx)
	if err := h.service.ResetPassword(ctx, r); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

type changeEmailInput struct{ Body EmailChangeBody }

func (h handler) changeEmail(ctx context.Context, in *changeEmailInput) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	err := h.service.RequestEmailChange(ctx, p, EmailChange{
		Email: in.Body.Email, Current: secret.New(in.Body.Current), Client: authn.ClientFrom(ctx),
	})
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}
