package tenancy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/web"
)

// invitePagePath is the page that invitations open where the operator has none.
const invitePagePath = "/invite"

// pages declares the page of invitations.
func (h handler) pages() []web.Page {
	return []web.Page{{
		Path: invitePagePath, Get: h.showInvite, Post: h.doInvite, Knows: true,
		GetLimits: []string{limitAccept}, PostLimits: []string{limitAccept},
	}}
}

// showInvite shows what somebody is invited to, and what they can do about it.
func (h handler) showInvite(ctx context.Context, v *web.Visit) (web.View, error) {
	if v.Token().Empty() {
		return noInvite(), nil
	}
	seen, err := h.service.PreviewInvite(ctx, v.Token().Reveal())
	switch {
	case err != nil:
		return inviteRefused(err)
	case !seen.UserExists:
		return h.askNewcomer(v, seen), nil
	case v.Visitor != nil && v.Visitor.Account.Email == seen.Email:
		view := invitation(seen)
		view.Form = &web.Form{Token: v.Token(), Button: "Accept the invitation"}
		view.Notes = []string{"If you do not want to join, close this page: nothing happens."}
		return view, nil
	default:
		return askSignIn(v, seen), nil
	}
}

// invitation is what every page of an invitation shows.
func invitation(seen InvitePreview) web.View {
	return web.View{
		Title: "Join " + seen.Organization.Name,
		Lines: []string{"You are invited to join this organization."},
		Facts: []web.Fact{
			{Name: "Organization", Value: seen.Organization.Name},
			{Name: "Your role", Value: roleName(seen.Role)},
			{Name: "Invited address", Value: seen.Email},
		},
	}
}

// roleName is a role as a page shows it.
func roleName(r Role) string { return strings.ToUpper(string(r[:1])) + string(r[1:]) }

// askNewcomer asks for what an account is made of.
func (h handler) askNewcomer(v *web.Visit, seen InvitePreview) web.View {
	shortest, _ := h.service.registrar.PasswordLength()
	view := invitation(seen)
	view.Lines = []string{"You are invited to join this organization. Choose a password, and your account is made."}
	view.Form = &web.Form{Token: v.Token(), Button: "Create account and join", Fields: []web.Field{
		{Name: "email", Type: "email", Autocomplete: "username", Value: seen.Email, Silent: true},
		{Name: "full_name", Label: "Full name (optional)", Type: "text", Autocomplete: "name", Value: v.Value("full_name")},
		{
			Name: "password", Label: "Password", Type: "password", Autocomplete: "new-password", Required: true, MinLength: shortest,
			Hint: fmt.Sprintf("At least %d characters. A few words in a row are good.", shortest),
		},
		{Name: "password_confirm", Label: "Password again", Type: "password", Autocomplete: "new-password", Required: true},
	}}
	view.Notes = []string{"If you do not want to join, close this page: nothing happens."}
	if v.Visitor != nil {
		view.Notes = append(view.Notes, "You are signed in here as "+v.Visitor.Account.Email+". The new account takes the place of that in this browser.")
	}
	return view
}

// askSignIn says who must be signed in, to accept with an account that there is.
func askSignIn(v *web.Visit, seen InvitePreview) web.View {
	view := invitation(seen)
	view.Lines = append(view.Lines, "This address has an account already. To accept, sign in to it in this browser, and open the link in the mail again.")
	if v.Visitor != nil {
		view.Lines[1] = "You are signed in as " + v.Visitor.Account.Email + ", and the invitation is for another account. " +
			"To accept, sign in as " + seen.Email + " in this browser, and open the link in the mail again."
	}
	view.Notes = []string{"The invitation stays as it is until then."}
	return view
}

// doInvite accepts.
func (h handler) doInvite(ctx context.Context, v *web.Visit) (web.View, error) {
	if v.Token().Empty() {
		return noInvite(), nil
	}
	seen, err := h.service.PreviewInvite(ctx, v.Token().Reveal())
	if err != nil {
		return inviteRefused(err)
	}
	in := Acceptance{Token: v.Token().Reveal(), Client: authn.ClientFrom(ctx)}
	if seen.UserExists {
		in.Principal = v.Visitor
	} else {
		in.FullName, in.Password, in.Confirm = v.Value("full_name"), v.Secret("password"), v.Secret("password_confirm")
	}
	done, err := h.service.AcceptInvite(ctx, in)
	if err != nil {
		return h.notAccepted(v, seen, err)
	}
	v.SignIn(done.Session)
	view := web.View{
		Title: "You have joined " + done.Organization.Name, Tone: web.Done,
		Lines: []string{"You belong to the organization now."},
		Facts: []web.Fact{
			{Name: "Organization", Value: done.Organization.Name},
			{Name: "Your role", Value: roleName(done.Organization.Role)},
			{Name: "Your account", Value: done.Account.Email},
		},
	}
	switch {
	case done.Session != nil:
		view.Lines = []string{"Your account is made, and you are signed in to it in this browser."}
	case !seen.UserExists:
		view.Lines = []string{"Your account is made. Sign in to it with the password that you chose."}
	}
	return view, nil
}

// notAccepted shows why an invitation that was found was not accepted.
func (h handler) notAccepted(v *web.Visit, seen InvitePreview, err error) (web.View, error) {
	var view web.View
	switch wrong := web.Wrong(err); {
	case wrong != nil && !seen.UserExists:
		view = h.askNewcomer(v, seen)
		view.Status, view.Wrong = http.StatusBadRequest, wrong
	case errors.Is(err, ErrOtherAddress):
		view = askSignIn(v, seen)
		view.Status = http.StatusForbidden
	case errors.Is(err, apperr.ErrAuthRequired): // also when the address got its account meanwhile
		view = askSignIn(v, seen)
		view.Status = http.StatusUnauthorized
	default:
		return inviteRefused(err)
	}
	return view, nil
}

// noInvite is the page of a token that is no invitation's, whatever became of it.
func noInvite() web.View {
	return web.View{
		Status: http.StatusNotFound, Title: "There is no such invitation", Tone: web.Stop,
		Lines: []string{
			"It was used, taken back, or sent again: then only the link in the newest mail works. If you have just accepted it, you are done.",
			"If you are not sure that you have the whole link, copy the whole address from the mail into the address bar of your browser.",
		},
	}
}

// inviteRefused is the page of an error that is over an invitation.
func inviteRefused(err error) (web.View, error) {
	switch {
	case errors.Is(err, ErrInviteExpired):
		return web.View{
			Status: http.StatusGone, Title: "This invitation has expired", Tone: web.Stop,
			Lines: []string{"Invitations can be accepted for seven days. Ask whoever invited you to send it again."},
		}, nil
	case errors.Is(err, apperr.ErrNotFound):
		return noInvite(), nil
	case errors.Is(err, ErrMember):
		return web.View{
			Status: http.StatusConflict, Title: "You are a member already", Lines: []string{"You belong to this organization. There is nothing left to do."},
		}, nil
	}
	return web.View{}, err
}
