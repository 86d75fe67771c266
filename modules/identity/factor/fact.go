package factor

import (
	"context"
	"log/slog"
	"slices"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
)

// The actions of this package in the audit trail.
const (
	// ActionEnroll is somebody asking for the secret of an authenticator app.
	ActionEnroll = "totp.enroll.initiated"
	// ActionEnrolled is an authenticator app that showed its first code.
	ActionEnrolled = "totp.enroll.completed"
	// ActionVerify is a right code.
	ActionVerify = "totp.verify.success"
	// ActionVerifyFailed is a code, or a recovery code, that was not right.
	ActionVerifyFailed = "totp.verify.failed"
	// ActionDisable is an authenticator app that was given up, also a refused try.
	ActionDisable = "totp.disabled"
	// ActionDropUnproved is the end of factors that were set up before the account's address
	// was proved.
	ActionDropUnproved = "factors.unproved.dropped"
	// ActionRecoveryUsed is a recovery code that was used.
	ActionRecoveryUsed = "totp.backup_code.used"
	// ActionRegenerate is a new set of recovery codes, also a refused try.
	ActionRegenerate = "totp.backup_codes.regenerated"
	// ActionDeviceRemember is a device that is not asked for a while.
	ActionDeviceRemember = "device.remember"
	// ActionDeviceRevoke is a device that is asked again.
	ActionDeviceRevoke = "device.revoke"
)

// Actions is the audit vocabulary of authenticator apps and remembered devices.
func Actions() []string {
	return []string{
		ActionEnroll, ActionEnrolled, ActionVerify, ActionVerifyFailed, ActionDisable, ActionDropUnproved, ActionRecoveryUsed, ActionRegenerate,
		ActionDeviceRemember, ActionDeviceRevoke,
	}
}

// about is the fact of something that a user did to their own account.
func about(action, userID string) events.Fact {
	return events.Fact{Action: action, ActorID: userID, ResourceType: "user", ResourceID: userID, Success: true}
}

// trail is where facts of this package are published.
type trail struct {
	db  *database.DB
	bus *events.Bus
	log *slog.Logger
}

// refusal publishes the fact that an action was refused, in a transaction of its own after
// the rollback. The client's answer does not change when that fails. Faults of the system
// are no refusals, and slips in the input only where besides says so.
func (t trail) refusal(ctx context.Context, f events.Fact, err error, besides ...apperr.Kind) {
	e := apperr.From(err)
	switch e.Kind() {
	case apperr.Unauthenticated, apperr.Forbidden, apperr.Conflict, apperr.RateLimited:
	default:
		if !slices.Contains(besides, e.Kind()) {
			return
		}
	}
	if !t.bus.Heard(f) {
		return
	}
	f.Success, f.ErrorType = false, string(e.Code())
	failed := t.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return t.bus.Publish(ctx, tx, f) })
	if failed != nil {
		t.log.ErrorContext(ctx, "a refusal could not be recorded", "action", f.Action, "err", failed)
	}
}

// refusal publishes the fact that an action was refused. Slips in the input are none.
func (s *Service) refusal(ctx context.Context, f events.Fact, err error) {
	trail{s.db, s.bus, s.log}.refusal(ctx, f, err)
}
