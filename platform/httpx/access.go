package httpx

import (
	"strings"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// admit decides whether the caller may use the operation, and notes who it is. Where a
// caller may be anonymous, everything but a wrong Authorization header leaves them that.
func (r *route) admit(ex *exchange) error {
	if r.Access == Public {
		return nil
	}
	header := ex.gin.Request.Header
	token, byCookie := "", false
	if authorization, sent := header["Authorization"]; sent { // however malformed: the cookie does not count
		var ok bool
		if token, ok = bearerToken(authorization); !ok {
			return apperr.ErrInvalidAuthFormat
		}
		ex.tokenSent = true
	} else if token = r.api.cookie.read(header); token != "" {
		byCookie = true
	} else if r.Access == MaybeSignedIn {
		return nil
	} else {
		return apperr.ErrAuthRequired
	}
	if byCookie && !r.safe && !r.api.origins.mayChange(header) {
		if r.Access == MaybeSignedIn {
			return nil // browsers send cookies unasked: who does not mean to act for the user is nobody
		}
		return apperr.ErrCSRF
	}
	p, err := r.api.deps.Authenticator.Authenticate(ex.ctx, token)
	if err != nil {
		if r.Access == MaybeSignedIn && byCookie && apperr.From(err).Kind() == apperr.Unauthenticated {
			return nil // browsers keep cookies longer than sessions last
		}
		return err
	}
	if p.ComplianceOnly && !r.ComplianceOnly {
		if r.Access == MaybeSignedIn {
			return nil
		}
		return apperr.ErrMFACompliance
	}
	if p.ByCookie != byCookie {
		own := *p // it may be shared with other requests
		own.ByCookie = byCookie
		p = &own
	}
	ex.principal = p
	ex.token = token
	if request, ok := ex.ctx.(*authn.Request); ok {
		request.SignIn(p)
	} else {
		ex.ctx = authn.WithPrincipal(ex.ctx, p)
	}
	return nil
}

// bearerToken returns the token of an Authorization header that is exactly "Bearer
// <token>"; the scheme is matched in any case (RFC 9110 §11.1).
func bearerToken(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(strings.TrimSpace(values[0]), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return "", false
	}
	token = strings.TrimLeft(token, " ")
	if token == "" || strings.ContainsAny(token, " \t") {
		return "", false
	}
	return token, true
}
