package httpx

import (
	"slices"
	"strconv"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// acrSecondFactor is the authentication context that a second factor gives, as challenges
// name it (RFC 9470 §3).
const acrSecondFactor = "mfa"

// The members in which bodies carry the current password.
const (
	fieldPassword      = "current_password"
	fieldOlderPassword = "password"
)

// String names the demand as the document does: empty when there is none.
func (s StepUp) String() string {
	switch s {
	case NoStepUp:
		return ""
	case StepUpOrPassword:
		return "recent-or-password"
	case StepUpForStreams:
		return "recent-for-streams"
	case StepUpNeeded:
	}
	return "recent"
}

// about says in the document what the demand means.
func (s StepUp) about() string {
	switch s {
	case NoStepUp:
		return ""
	case StepUpOrPassword:
		return "A user who has a second factor must have given it recently; see step-up."
	case StepUpForStreams:
		return "For every answer but JSON the user must have proved recently who they are, with their second factor if they have one; see step-up."
	case StepUpNeeded:
	}
	return "The user must have proved recently who they are, with their second factor if they have one; see step-up."
}

// stepUp refuses a session whose user has not proved who they are as the operation asks.
func (r *route) stepUp(ex *exchange) error {
	p := ex.principal
	switch {
	case r.StepUp == NoStepUp, p != nil && p.Fresh(r.api.deps.Clock.Now()):
		return nil
	case p == nil:
		return apperr.ErrAuthRequired
	case r.StepUp == StepUpOrPassword && !p.Account.SecondFactor, r.StepUp == StepUpForStreams && ex.stream == "":
		return nil
	}
	return p.StepUpRequired()
}

// requirePassword panics when the operation would take a password that its body has no
// place for: nobody would check it.
func (r *route) requirePassword() {
	if r.StepUp == StepUpOrPassword && r.body.properties[fieldPassword] == nil && r.body.properties[fieldOlderPassword] == nil {
		panic("the body has no " + fieldPassword + " that could take the place of a step-up")
	}
}

// stepUpChallenge is the challenge of [apperr.CodeStepUpRequired] (RFC 9470 §3). A second
// factor is asked for by name where a password alone would not do.
func stepUpChallenge(err *apperr.Error) string {
	c := `Bearer error="insufficient_user_authentication"`
	switch age := err.Details()["max_age"].(type) {
	case int:
		c += ", max_age=" + strconv.Itoa(age)
	case int64:
		c += ", max_age=" + strconv.FormatInt(age, 10)
	}
	if methods, ok := err.Details()["methods"].([]string); ok && len(methods) > 0 && !slices.Contains(methods, authn.MethodPassword) {
		c += `, acr_values="` + acrSecondFactor + `"`
	}
	return c
}

// exampleStepUp is the 401 of operations with a step-up in the document.
func exampleStepUp() *apperr.Error { return authn.StepUpRequired(5*time.Minute, true) }
