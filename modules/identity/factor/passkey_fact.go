package factor

import (
	"context"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/events"
)

// The actions of passkeys in the audit trail.
const (
	// ActionPasskeyRegister is somebody asking for the options to make a passkey.
	ActionPasskeyRegister = "webauthn.register.initiated"
	// ActionPasskeyRegistered is a new passkey.
	ActionPasskeyRegistered = "webauthn.register.completed"
	// ActionPasskeyRegisterFailed is one that was not accepted.
	ActionPasskeyRegisterFailed = "webauthn.register.failed"
	// ActionPasskeyLogin is somebody asking for the options to use a passkey.
	ActionPasskeyLogin = "webauthn.login.initiated"
	// ActionPasskeyLoggedIn is a passkey that was used, for a sign-in or to prove again who one is.
	ActionPasskeyLoggedIn = "webauthn.login.success"
	// ActionPasskeyLoginFailed is one that was not accepted.
	ActionPasskeyLoginFailed = "webauthn.login.failed"
	// ActionPasskeyDelete is a passkey that was given up, also a refused try.
	ActionPasskeyDelete = "webauthn.credential.deleted"
	// ActionPasskeyRename is a passkey with another name.
	ActionPasskeyRename = "webauthn.credential.renamed"
)

// PasskeyActions is the audit vocabulary of passkeys.
func PasskeyActions() []string {
	return []string{
		ActionPasskeyRegister, ActionPasskeyRegistered, ActionPasskeyRegisterFailed,
		ActionPasskeyLogin, ActionPasskeyLoggedIn, ActionPasskeyLoginFailed, ActionPasskeyDelete, ActionPasskeyRename,
	}
}

// aboutPasskey is the fact of something that was done to a passkey, which is named by the id
// of its row.
func aboutPasskey(action, userID, passkeyID string) events.Fact {
	f := about(action, userID)
	if passkeyID != "" {
		f.Metadata = map[string]string{"passkey": passkeyID}
	}
	return f
}

// unproved is the fact of something that somebody did who has not proved to be the user;
// userID is empty when nobody is known.
func unproved(action, userID string) events.Fact {
	f := about(action, userID)
	f.ActorID = ""
	return f
}

// refusal publishes the fact that an action was refused, also because what the browser sent
// does not hold.
func (p *Passkeys) refusal(ctx context.Context, f events.Fact, err error) {
	trail{p.db, p.bus, p.log}.refusal(ctx, f, err, apperr.Invalid)
}
