package sessions

import (
	"context"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
)

// The actions of this module in the audit trail.
const (
	// ActionLogin is a completed sign-in, or one that was refused.
	ActionLogin = "user.login"
	// ActionLogout is a user ending the session they are using.
	ActionLogout = "user.logout"
	// ActionCreate is a session that came with something else than a log-in, such as a
	// registration.
	ActionCreate = "session.create"
	// ActionStepUp is a signed-in user proving again who they are, or failing to.
	ActionStepUp = "user.step_up"
	// ActionRevoke is the end of sessions by hand or by a rule.
	ActionRevoke = "session.revoke"
)

// actions is the audit vocabulary of the module.
func actions() []string {
	return []string{ActionLogin, ActionLogout, ActionStepUp, ActionCreate, ActionRevoke}
}

// fact publishes f in the transaction that makes it true.
func (s *Service) fact(ctx context.Context, tx bun.Tx, f events.Fact) error {
	return s.bus.Publish(ctx, tx, f)
}

// refusal publishes f, a refusal, in a transaction of its own after the rollback. The
// client's answer does not change when that fails.
func (s *Service) refusal(ctx context.Context, f events.Fact) {
	if !s.bus.Heard(f) {
		return
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.fact(ctx, tx, f) })
	if err != nil {
		s.logger.ErrorContext(ctx, "a refused sign-in could not be recorded", "err", err)
	}
}

// signedIn is the one fact of a completed sign-in.
func signedIn(a authn.Attempt, sessionID string) events.Fact {
	action := ActionLogin
	if a.Flow == authn.FlowRegister {
		action = ActionCreate
	}
	return events.Fact{
		Action: action, ActorID: a.Account.UserID, ResourceType: "session", ResourceID: sessionID, Success: true,
		Metadata: map[string]string{"flow": string(a.Flow), "auth_methods": strings.Join(a.Methods, ",")},
	}
}

// notSignedIn is the fact of a refused password log-in on an account, by its owner where
// they are known to be the actor: their password was right. Whoever guessed wrong is
// unknown; accountID is empty too when the email has no account, which is then all there
// is to say whose it would have been.
func notSignedIn(actorID, accountID, email string, err error) events.Fact {
	f := events.Fact{
		Action: ActionLogin, ActorID: actorID, ResourceType: "user", ResourceID: accountID,
		ErrorType: string(apperr.From(err).Code()), Metadata: map[string]string{"flow": string(authn.FlowPassword)},
	}
	if accountID == "" {
		f.Personal = map[string]string{"email": email}
	}
	return f
}

// steppedUp is the fact of a user who proved again who they are.
func steppedUp(p *authn.Principal, method string) events.Fact {
	return events.Fact{
		Action: ActionStepUp, ActorID: p.UserID, ResourceType: "session", ResourceID: p.SessionID, Success: true,
		Metadata: map[string]string{"method": method},
	}
}

// notSteppedUp is the fact of a user, or of whoever has their session, who did not.
func notSteppedUp(p *authn.Principal, err error) events.Fact {
	return events.Fact{
		Action: ActionStepUp, ActorID: p.UserID, ResourceType: "session", ResourceID: p.SessionID,
		ErrorType: string(apperr.From(err).Code()),
	}
}

// ended is the fact of sessions that somebody ended.
func ended(action, actorID, resourceType, resourceID, reason string, count int) events.Fact {
	return events.Fact{
		Action: action, ActorID: actorID, ResourceType: resourceType, ResourceID: resourceID, Success: true,
		Metadata: map[string]string{"reason": reason, "sessions": strconv.Itoa(count)},
	}
}
