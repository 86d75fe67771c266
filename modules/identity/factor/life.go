package factor

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/privacy"
)

// sweepBatch is how many rows one statement of the clean-up removes.
const sweepBatch = 1000

// Subscriptions are what factors hear of users, inside the transaction that makes it true.
// The rows of a deleted user go with the user's.
func (s *Service) Subscriptions() []events.Subscription {
	return []events.Subscription{
		events.On("identity.mfa.void_challenges", func(ctx context.Context, tx bun.Tx, e events.CredentialChanged) error {
			return s.sweep.void(ctx, tx, e.UserID)
		}),
		events.On("identity.mfa.drop_unproved", s.addressProved),
		events.On("identity.mfa.forget_suspended", func(ctx context.Context, tx bun.Tx, e events.UserStatusChanged) error {
			if e.Status != "suspended" && e.Status != "inactive" {
				return nil
			}
			return s.sweep.void(ctx, tx, e.UserID)
		}),
		events.On("identity.mfa.forget_restored", func(ctx context.Context, tx bun.Tx, _ events.DataRestored) error {
			return s.sweep.all(ctx, tx)
		}),
	}
}

// addressProved removes the factors of a user, who is held, that were set up before the
// account's address was proved, and what was begun or is remembered by them: they are nobody
// knows whose.
func (s *Service) addressProved(ctx context.Context, tx bun.Tx, e events.AddressProved) error {
	userID := e.UserID
	held, err := s.factors.Of(ctx, tx, userID)
	if err != nil {
		return fmt.Errorf("factor: find the factors of a user: %w", err)
	}
	if err := s.sweep.void(ctx, tx, userID); err != nil {
		return err
	}
	if err := s.sweep.factors(ctx, tx, userID); err != nil || !held.Any() {
		return err
	}
	account, err := s.accounts.HoldAccount(ctx, tx, userID)
	if err != nil {
		return fmt.Errorf("factor: find a user: %w", err)
	}
	if err := s.credentials.FactorsChanged(ctx, tx, userID, false); err != nil {
		return err
	}
	if err := s.notices.Tell(ctx, tx, account.Email, unprovedDropped()); err != nil {
		return err
	}
	return s.bus.Publish(ctx, tx, about(ActionDropUnproved, userID))
}

// Jobs are the periodic jobs of factors.
func (s *Service) Jobs() []jobs.Periodic {
	return []jobs.Periodic{{
		Name: "cleanup_challenges", Doc: "Removes sign-ins that waited too long for a second factor, and devices that are not remembered any more.",
		Every: time.Hour, Timeout: time.Minute,
		Run: func(ctx context.Context) (jobs.Report, error) {
			n, err := s.Cleanup(ctx)
			return jobs.Report{"removed": n}, err
		},
	}}
}

// Cleanup removes what has expired and returns how many rows.
func (s *Service) Cleanup(ctx context.Context) (total int64, err error) {
	for _, prune := range []*database.Stmt{s.challenges.store.prune, s.devices.prune} {
		for {
			res, err := prune.Exec(ctx, s.now(), sweepBatch)
			if err != nil {
				return total, fmt.Errorf("factor: remove what has expired: %w", err)
			}
			n, err := res.RowsAffected()
			if total += n; err != nil {
				return total, err
			}
			if n < sweepBatch {
				break
			}
		}
	}
	return total, nil
}

// Exporter gives the section of a user's export: no secrets.
func (s *Service) Exporter() privacy.Exporter {
	return privacy.Exporter{Section: "second_factors", Export: func(ctx context.Context, userID string) (any, error) {
		status, err := s.Status(ctx, userID)
		if err != nil {
			return nil, err
		}
		devices, _, err := s.Devices(ctx, userID, "", exportDevices)
		return struct {
			Status

			Devices []RememberedDevice `json:"devices"`
		}{status, devices}, err
	}}
}

// exportDevices bounds the devices of an export.
const exportDevices = 1000

// sweepStore removes what belongs to a user, whatever it is.
type sweepStore struct {
	ofUser, everything, factorsOf []*database.Stmt
}

func newSweepStore(db *database.DB) *sweepStore {
	prepare := func(queries ...string) (all []*database.Stmt) {
		for _, q := range queries {
			all = append(all, db.Prepare(q))
		}
		return all
	}
	return &sweepStore{
		ofUser:     prepare(`DELETE FROM identity_challenges WHERE user_id = ?`, `DELETE FROM identity_devices WHERE user_id = ?`),
		everything: prepare(`DELETE FROM identity_challenges`, `DELETE FROM identity_devices`),
		factorsOf: prepare(`DELETE FROM identity_totp WHERE user_id = ?`, `DELETE FROM identity_recovery_codes WHERE user_id = ?`,
			`DELETE FROM identity_passkeys WHERE user_id = ?`),
	}
}

// void removes the challenges and devices of a user.
func (s *sweepStore) void(ctx context.Context, tx bun.Tx, userID string) error {
	return run(ctx, tx, s.ofUser, userID)
}

// factors removes the factors of a user.
func (s *sweepStore) factors(ctx context.Context, tx bun.Tx, userID string) error {
	return run(ctx, tx, s.factorsOf, userID)
}

// all removes every challenge and device.
func (s *sweepStore) all(ctx context.Context, tx bun.Tx) error { return run(ctx, tx, s.everything) }

func run(ctx context.Context, tx bun.Tx, all []*database.Stmt, args ...any) error {
	for _, one := range all {
		if _, err := one.In(tx).Exec(ctx, args...); err != nil {
			return fmt.Errorf("factor: remove what belongs to a user: %w", err)
		}
	}
	return nil
}
