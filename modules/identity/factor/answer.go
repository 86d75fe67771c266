package factor

import (
	"context"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/secret"
)

type noInput struct{}

func (h handler) enroll(ctx context.Context, _ *noInput) (*httpx.Reply[TOTPEnrollment], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	e, err := h.service.Enroll(ctx, p)
	if err != nil {
		return nil, err
	}
	return &httpx.Reply[TOTPEnrollment]{
		Data:     TOTPEnrollment{Secret: e.Secret.Reveal(), URI: e.URI.Reveal(), QRCode: e.Picture.Reveal(), Codes: revealed(e.Codes)},
		Location: totpPath + "/status",
	}, nil
}

// revealed returns codes for the one answer that shows them.
func revealed(codes []secret.String) []string {
	all := make([]string, len(codes))
	for i, code := range codes {
		all[i] = code.Reveal()
	}
	return all
}

type enrollmentInput struct{ Body EnrollmentBody }

func (h handler) verifyEnrollment(ctx context.Context, in *enrollmentInput) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.service.VerifyEnrollment(ctx, p, in.Body.Code); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

type codeInput struct{ Body CodeBody }

func (h handler) verify(ctx context.Context, in *codeInput) (*httpx.Reply[CompletedSignIn], error) {
	token, err := challengeToken(ctx, in.Body.MFAToken)
	if err != nil {
		return nil, err
	}
	done, err := h.service.Verify(ctx, SignIn{
		Token: token, Code: in.Body.Code, Recovery: in.Body.IsBackup, Remember: in.Body.Remember, Client: authn.ClientFrom(ctx),
	})
	if err != nil {
		return nil, err
	}
	return h.service.signedIn(ctx, done)
}

// signedIn answers a sign-in that was completed: the browser keeps the session and, where it
// is remembered, the device, and forgets the challenge.
func (s *Service) signedIn(ctx context.Context, done SignedIn) (*httpx.Reply[CompletedSignIn], error) {
	data, err := completed(ctx, s.compliance, done.Session)
	if err != nil {
		return nil, err
	}
	reply := httpx.OK(data)
	reply.SignIn = done.Session
	reply.Keep = []httpx.Keep{{Name: authn.ChallengeCookie}}
	if !done.Device.Empty() {
		reply.Keep = append(reply.Keep, httpx.Keep{Name: deviceCookie, Value: done.Device, For: s.config.RememberFor})
	}
	return reply, nil
}

// completed is the answer of a sign-in that a second factor completed.
func completed(ctx context.Context, compliance authn.Compliance, session *authn.IssuedSession) (CompletedSignIn, error) {
	overview, err := compliance.ComplianceOf(ctx, session.Account.UserID, session.Affiliations)
	return CompletedSignIn{
		User: session.Account.Profile, Token: session.Token.Reveal(), ExpiresAt: session.ExpiresAt,
		Compliance: overview, NeedsEnrollment: session.ComplianceOnly,
	}, err
}

func (h handler) status(ctx context.Context, _ *noInput) (*httpx.Reply[Status], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	status, err := h.service.Status(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	return httpx.OK(status), nil
}

type passwordInput struct{ Body OwnPassword }

func (h handler) regenerate(ctx context.Context, in *passwordInput) (*httpx.Reply[BackupCodes], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	codes, err := h.service.Regenerate(ctx, p, secret.New(in.Body.Password))
	if err != nil {
		return nil, err
	}
	return httpx.OK(BackupCodes{Codes: revealed(codes)}), nil
}

func (h handler) disable(ctx context.Context, in *passwordInput) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.service.Disable(ctx, p, secret.New(in.Body.Password)); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

type devicesInput struct{ httpx.PageQuery }

func (h handler) listDevices(ctx context.Context, in *devicesInput) (*httpx.Reply[DeviceList], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	after, err := httpx.AfterID(in.Cursor)
	if err != nil {
		return nil, err
	}
	devices, next, err := h.service.Devices(ctx, p.UserID, after, in.Limit)
	if err != nil {
		return nil, err
	}
	reply := httpx.OK(DeviceList{Devices: devices, Count: len(devices)})
	reply.Page, err = httpx.IDPage(in.Limit, next)
	return reply, err
}

type deviceInput struct {
	ID httpx.ID `path:"id" doc:"Id of one of the user's remembered devices."`
}

func (h handler) forgetDevice(ctx context.Context, in *deviceInput) (*httpx.Reply[httpx.Empty], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.service.ForgetDevice(ctx, p.UserID, in.ID.String()); err != nil {
		return nil, err
	}
	return &httpx.Reply[httpx.Empty]{}, nil
}

func (h handler) forgetDevices(ctx context.Context, _ *noInput) (*httpx.Reply[ForgottenDevices], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	n, err := h.service.ForgetDevices(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	return httpx.OK(ForgottenDevices{Forgotten: n}), nil
}
