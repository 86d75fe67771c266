package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/web"
)

// The pages that mailed links open where the operator has none.
const (
	verifyPage = "/verify-email"
	resetPage  = "/reset-password"
)

// pages declares the pages of verification and recovery.
func (h handler) pages() []web.Page {
	return []web.Page{
		{Path: verifyPage, Knows: true, Get: h.showVerify, Post: h.doVerify, PostLimits: []string{limitVerify}},
		{Path: resetPage, Get: h.showReset, Post: h.doReset, PostLimits: []string{limitReset}},
	}
}

// cutShort is the page of a link that holds no whole token.
func cutShort() web.View {
	return web.View{
		Status: http.StatusBadRequest, Title: "This link is not complete", Tone: web.Stop,
		Lines: []string{"Some mail programs cut long links in two. Copy the whole address from the mail into the address bar of your browser."},
	}
}

// unusable is the page of an error of a token; ok is false for other errors.
func unusable(err error, gone web.View) (v web.View, ok bool) {
	switch {
	case errors.Is(err, ErrTokenGone):
		gone.Status, gone.Tone = http.StatusGone, web.Stop
		return gone, true
	case apperr.From(err).Details()["token"] != nil:
		return cutShort(), true
	}
	return web.View{}, false
}

// verifyGone is the page of a verification that cannot be used.
func verifyGone() web.View {
	return web.View{Title: "This link does not work any more", Lines: []string{
		"It has expired, has been used, or a newer one was sent after it. If you confirmed your address with it before, you are done.",
		"Otherwise ask for a new mail where you signed up, and use the newest one you got.",
	}}
}

// showVerify asks before anything happens.
func (h handler) showVerify(ctx context.Context, v *web.Visit) (web.View, error) {
	token := v.Token()
	state, err := h.service.PeekToken(ctx, PurposeVerify, token.Reveal())
	if err != nil {
		if view, ok := unusable(err, verifyGone()); ok {
			return view, nil
		}
		return web.View{}, err
	}
	view := web.View{
		Title: "Confirm your email address", Lines: []string{"Confirm that this address is yours."},
		Facts: []web.Fact{{Name: "Email address", Value: state.Email}}, Form: &web.Form{Token: token, Button: "Confirm this address"},
		Notes: []string{"If you did not create an account, close this page: somebody else may have typed your address."},
	}
	if state.Purpose == PurposeChange {
		view.Title, view.Lines = "Confirm your new email address", []string{"Your account gets this address in place of the one that it has."}
		view.Facts = []web.Fact{{Name: "Account", Value: state.Account}, {Name: "New email address", Value: state.Email}}
		view.Notes = []string{"If you do not know that account, close this page: it keeps the address that it has."}
	}
	return view, nil
}

// doVerify confirms.
func (h handler) doVerify(ctx context.Context, v *web.Visit) (web.View, error) {
	account, err := h.service.VerifyEmail(ctx, v.Token().Reveal())
	switch {
	case errors.Is(err, ErrEmailTaken):
		return web.View{
			Status: http.StatusConflict, Title: "This address is taken", Tone: web.Stop,
			Lines: []string{"Another account has got this address meanwhile. Your account keeps the address that it has."},
		}, nil
	case err != nil:
		if view, ok := unusable(err, verifyGone()); ok {
			return view, nil
		}
		return web.View{}, err
	}
	return web.View{
		Title: "Your address is confirmed", Tone: web.Done, Lines: []string{"Thank you. You can close this page and go on where you were."},
		Facts: []web.Fact{{Name: "Email address", Value: account.Email}},
	}, nil
}

// resetGone is the page of a recovery that cannot be used.
func resetGone() web.View {
	return web.View{Title: "This link does not work any more", Lines: []string{
		"It has expired, has been used, or a newer one was sent after it. Links to choose a new password work once, for half an hour.",
		"If you chose a new password with it, sign in with that. Otherwise ask for a new mail where you sign in.",
	}}
}

// showReset asks for a new password.
func (h handler) showReset(ctx context.Context, v *web.Visit) (web.View, error) {
	token := v.Token()
	state, err := h.service.PeekToken(ctx, PurposeReset, token.Reveal())
	if err != nil {
		if view, ok := unusable(err, resetGone()); ok {
			return view, nil
		}
		return web.View{}, err
	}
	shortest, _ := h.service.PasswordLength()
	return web.View{
		Title: "Choose a new password", Facts: []web.Fact{{Name: "Account", Value: state.Email}},
		Form: &web.Form{Token: token, Button: "Set the new password", Fields: []web.Field{
			{Name: "email", Type: "email", Autocomplete: "username", Value: state.Email, Silent: true},
			{
				Name: "password", Label: "New password", Type: "password", Autocomplete: "new-password", Required: true, MinLength: shortest,
				Hint: fmt.Sprintf("At least %d characters. A few words in a row are good.", shortest),
			},
			{Name: "password_confirm", Label: "New password again", Type: "password", Autocomplete: "new-password", Required: true},
		}},
		Notes: []string{
			"A new password signs the account out everywhere.",
			"If you did not ask for this, close this page: your password stays as it is.",
		},
	}, nil
}

// doReset sets the password. One that is refused leaves the token for the next try.
func (h handler) doReset(ctx context.Context, v *web.Visit) (web.View, error) {
	err := h.service.ResetPassword(ctx, Reset{
		Token: v.Token().Reveal(), Password: v.Secret("password"), Confirm: v.Secret("password_confirm"), Client: authn.ClientFrom(ctx),
	})
	if err == nil {
		return web.View{
			Title: "Your password is changed", Tone: web.Done,
			Lines: []string{"Every session of the account was ended, on all devices. Sign in with the new password from now on."},
		}, nil
	}
	if view, ok := unusable(err, resetGone()); ok {
		return view, nil
	}
	wrong := web.Wrong(err)
	if wrong == nil {
		return web.View{}, err
	}
	view, err := h.showReset(ctx, v)
	if err == nil && view.Form != nil {
		view.Status, view.Wrong = http.StatusBadRequest, wrong
	}
	return view, err
}

// PasswordLength returns the fewest and the most characters of a new password.
func (g *Registrar) PasswordLength() (shortest, longest int) { return g.rules.min, maxPassword }
