package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/events"
)

// The actions of this module in the audit trail.
const (
	// ActionRegister is a new account.
	ActionRegister = "user.register"
	// ActionUpdate is a change of a profile.
	ActionUpdate = "user.update"
	// ActionDelete is the end of an account.
	ActionDelete = "user.delete"
	// ActionPasswordChange is a change of password, also a refused one.
	ActionPasswordChange = "user.password_change"
	// ActionStatusChange is an account that an operator suspended or restored.
	ActionStatusChange = "user.status_change"
	// ActionEmailVerify is an address that was proved, also a try with a bad token.
	ActionEmailVerify = "user.email_verify"
	// ActionEmailVerifyRequest is somebody asking for the mail that verifies an address.
	ActionEmailVerifyRequest = "user.email_verify.request"
	// ActionPasswordReset is a password that was chosen with a token, also a refused one.
	ActionPasswordReset = "user.password_reset"
	// ActionPasswordResetRequest is somebody asking for the mail to choose a password with.
	ActionPasswordResetRequest = "user.password_reset.request"
	// ActionEmailChange is an account that got another address.
	ActionEmailChange = "user.email_change"
	// ActionEmailChangeRequest is a user asking for another address, also a refused one.
	ActionEmailChangeRequest = "user.email_change.request"
	// ActionExport is a user taking their data out.
	ActionExport = "user.export"
)

// actions is the audit vocabulary of the module.
func actions() []string {
	return []string{
		ActionRegister, ActionUpdate, ActionDelete, ActionPasswordChange, ActionStatusChange, ActionExport,
		ActionEmailVerify, ActionEmailVerifyRequest, ActionPasswordReset, ActionPasswordResetRequest, ActionEmailChange, ActionEmailChangeRequest,
	}
}

// requested is the action of asking for a mail of the purpose.
func (p Purpose) requested() string {
	if p == PurposeReset {
		return ActionPasswordResetRequest
	}
	return ActionEmailVerifyRequest
}

// about is the fact of something that a user did to their own account.
func about(action, userID string) events.Fact {
	return events.Fact{Action: action, ActorID: userID, ResourceType: "user", ResourceID: userID, Success: true}
}

// refusal publishes the fact that an action was refused, in a transaction of its own after
// the rollback. The client's answer does not change when that fails. Slips in the input and
// faults of the system are no refusals.
func (s *Service) refusal(ctx context.Context, f events.Fact, err error) {
	e := apperr.From(err)
	switch e.Kind() {
	case apperr.Unauthenticated, apperr.Forbidden, apperr.Conflict, apperr.Gone, apperr.RateLimited:
	default:
		return
	}
	if !s.bus.Heard(f) {
		return
	}
	f.Success, f.ErrorType = false, string(e.Code())
	failed := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.bus.Publish(ctx, tx, f) })
	if failed != nil {
		s.log.ErrorContext(ctx, "a refusal could not be recorded", "action", f.Action, "err", failed)
	}
}
