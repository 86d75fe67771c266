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
	// ActionExport is a user taking their data out.
	ActionExport = "user.export"
)

// actions is the audit vocabulary of the module.
func actions() []string {
	return []string{ActionRegister, ActionUpdate, ActionDelete, ActionPasswordChange, ActionStatusChange, ActionExport}
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
	case apperr.Unauthenticated, apperr.Forbidden, apperr.Conflict, apperr.RateLimited:
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
