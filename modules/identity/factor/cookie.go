package factor

import (
	"context"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/secret"
)

// deviceCookie is the cookie of a device that is remembered.
const deviceCookie = "authy2_device"

// rememberedToken returns the token of the device that the request comes from; empty for
// none. It opens nothing on its own: the password is in the same request, where no foreign
// page can know it.
func rememberedToken(ctx context.Context) secret.String {
	value, _ := httpx.KeptCookie(ctx, deviceCookie)
	return secret.New(value)
}

// challengeToken returns the token of the sign-in that a request continues: the one it
// names, or else that of the cookie, which counts only on requests of our own pages.
func challengeToken(ctx context.Context, named string) (secret.String, error) {
	if named != "" {
		return secret.New(named), nil
	}
	value, ours := httpx.KeptCookie(ctx, authn.ChallengeCookie)
	switch {
	case value == "":
		return secret.String{}, ErrNoChallenge
	case !ours:
		return secret.String{}, apperr.ErrCSRF
	}
	return secret.New(value), nil
}
