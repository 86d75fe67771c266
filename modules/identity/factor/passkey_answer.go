package factor

import (
	"context"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/secret"
)

func (h passkeyHandler) beginRegistration(ctx context.Context, _ *noInput) (*httpx.Reply[CreationOptions], error) {
	who, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	options, err := h.passkeys.BeginRegistration(ctx, who)
	if err != nil {
		return nil, err
	}
	return httpx.OK(options), nil
}

type attestationInput struct{ Body Attestation }

func (h passkeyHandler) register(ctx context.Context, in *attestationInput) (*httpx.Reply[PasskeyResult], error) {
	who, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	added, err := h.passkeys.Register(ctx, who, in.Body)
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[PasskeyResult]{Data: PasskeyResult{Credential: added}, Location: credentialPath}, nil
}

type beginLoginInput struct{ Body BeginLoginBody }

func (h passkeyHandler) beginLogin(ctx context.Context, in *beginLoginInput) (*httpx.Reply[RequestOptions], error) {
	login := PasskeyLogin{Token: secret.New(in.Body.MFAToken), StepUp: in.Body.StepUp}
	if in.Body.Email != "" {
		var ok bool
		if login.Email, ok = httpx.NormalEmail(in.Body.Email); !ok {
			return nil, apperr.Field("email", "Not a valid email address.")
		}
	}
	if kept, ours := httpx.KeptCookie(ctx, authn.ChallengeCookie); ours {
		login.Kept = secret.New(kept)
	}
	options, err := h.passkeys.BeginLogin(ctx, login)
	if err != nil {
		return nil, err
	}
	return httpx.OK(options), nil
}

type assertionInput struct{ Body Assertion }

func (h passkeyHandler) completeLogin(ctx context.Context, in *assertionInput) (*httpx.Reply[CompletedSignIn], error) {
	session, err := h.passkeys.CompleteLogin(ctx, in.Body, func() (secret.String, error) { return challengeToken(ctx, in.Body.MFAToken) })
	if err != nil {
		return nil, err
	}
	data, err := completed(ctx, h.passkeys.compliance, session)
	if err != nil {
		return nil, err
	}
	reply := httpx.OK(data)
	reply.SignIn = session
	reply.Keep = []httpx.Keep{{Name: authn.ChallengeCookie}}
	return reply, nil
}

func (h passkeyHandler) list(ctx context.Context, _ *noInput) (*httpx.Reply[PasskeyList], error) {
	who, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	all, err := h.passkeys.List(ctx, who.UserID)
	if err != nil {
		return nil, err
	}
	return httpx.OK(PasskeyList{Credentials: all, Count: len(all)}), nil
}

// CredentialPath is the part of paths that names a passkey.
type CredentialPath struct {
	ID string `path:"credential_id" maxLength:"1400" doc:"The credential id, base64url."`
}

type renameInput struct {
	CredentialPath

	Body PasskeyName
}

func (h passkeyHandler) rename(ctx context.Context, in *renameInput) (*httpx.Reply[PasskeyResult], error) {
	who, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	renamed, err := h.passkeys.Rename(ctx, who.UserID, in.ID, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return httpx.OK(PasskeyResult{Credential: renamed}), nil
}

type credentialInput struct{ CredentialPath }

func (h passkeyHandler) delete(ctx context.Context, in *credentialInput) (*httpx.Reply[httpx.Empty], error) {
	who, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.passkeys.Delete(ctx, who, in.ID); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

func (h passkeyHandler) status(ctx context.Context, _ *noInput) (*httpx.Reply[PasskeyStatus], error) {
	who, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	n, err := h.passkeys.Count(ctx, who.UserID)
	if err != nil {
		return nil, err
	}
	return httpx.OK(PasskeyStatus{Enabled: n > 0, Count: n}), nil
}
