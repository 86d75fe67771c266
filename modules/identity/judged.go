package identity

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/invalidation"
)

var (
	_ compliance.Users   = Judged{}
	_ compliance.Notices = Judged{}
)

// Judged shows the accounts that organizations judge by their second factors. It needs no
// sessions: they need it.
type Judged struct {
	db           *database.DB
	clock        clock.Clock
	bus          *events.Bus
	invalidation *invalidation.Log
	postman      *Postman
}

// NewJudged returns the accounts in db. It does no I/O.
func NewJudged(db *database.DB, clk clock.Clock, bus *events.Bus, log *invalidation.Log, postman *Postman) Judged {
	return Judged{db, clk, bus, log, postman}
}

// HoldUsers is part of [compliance.Users].
func (j Judged) HoldUsers(ctx context.Context, tx bun.Tx, ids []string) (map[string]string, error) {
	held := make(map[string]string, len(ids))
	for batch := range slices.Chunk(slices.Sorted(slices.Values(ids)), peopleBatch) {
		if err := j.hold(ctx, tx, batch, held); err != nil {
			return nil, fmt.Errorf("identity: hold users: %w", err)
		}
	}
	return held, nil
}

func (j Judged) hold(ctx context.Context, tx bun.Tx, ids []string, held map[string]string) error {
	q := tx.NewSelect().Table("identity_users").Column("id", "status").Where("id IN (?)", bun.List(ids)).Order("id")
	if j.db.Dialect() == database.PostgreSQL {
		q = q.For("NO KEY UPDATE")
	}
	rows, err := q.Rows(ctx)
	if err != nil {
		return database.Translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		var userID, status string
		if err := rows.Scan(&userID, &status); err != nil {
			return database.Translate(err)
		}
		held[userID] = status
	}
	return database.Translate(rows.Err())
}

// SetSuspended is part of [compliance.Users].
func (j Judged) SetSuspended(ctx context.Context, tx bun.Tx, ids []string, suspended bool) ([]string, error) {
	from, to := StatusActive, StatusComplianceSuspended
	if !suspended {
		from, to = to, from
	}
	var all []string
	for batch := range slices.Chunk(slices.Sorted(slices.Values(ids)), peopleBatch) {
		var changed []string
		_, err := tx.NewUpdate().Table("identity_users").Set("status = ?", to).Set("version = version + 1").Set("updated_at = ?", database.Canonical(j.clock.Now())).
			Where("id IN (?)", bun.List(batch)).Where("status = ?", from).Returning("id").Exec(ctx, &changed)
		if err != nil {
			return nil, fmt.Errorf("identity: change the status of users: %w", database.Translate(err))
		}
		all = append(all, changed...)
	}
	if err := j.stale(ctx, tx, all); err != nil {
		return nil, err
	}
	for _, userID := range all {
		if err := j.bus.Publish(ctx, tx, events.UserStatusChanged{UserID: userID, Status: string(to)}); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Restrict is part of [compliance.Users].
func (j Judged) Restrict(ctx context.Context, tx bun.Tx, from map[string]time.Time) error {
	byInstant := map[time.Time][]string{}
	for userID, at := range from {
		if !at.IsZero() {
			at = database.Canonical(at)
		}
		byInstant[at] = append(byInstant[at], userID)
	}
	for at, ids := range byInstant {
		var restricted *time.Time
		if !at.IsZero() {
			restricted = &at
		}
		for batch := range slices.Chunk(ids, peopleBatch) {
			_, err := tx.NewUpdate().Table("identity_users").Set("restricted_from = ?", restricted).Where("id IN (?)", bun.List(batch)).Exec(ctx)
			if err != nil {
				return fmt.Errorf("identity: restrict users: %w", database.Translate(err))
			}
		}
	}
	return j.stale(ctx, tx, slices.Sorted(maps.Keys(from)))
}

// stale has everybody read the users again before their next request.
func (j Judged) stale(ctx context.Context, tx bun.Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	entries := make([]invalidation.Entry, len(ids))
	for i, userID := range ids {
		entries[i] = stale(userID)
	}
	if err := j.invalidation.Record(ctx, tx, entries...); err != nil {
		return err
	}
	return j.bus.Publish(ctx, tx, events.SessionLimitsChanged{UserIDs: ids})
}

// Tell is part of [compliance.Notices]. Members are not told where an administrator was.
func (j Judged) Tell(ctx context.Context, tx bun.Tx, email string, n compliance.Notice) error {
	ctx = authn.WithClient(ctx, &authn.Client{})
	return j.postman.tell(ctx, tx, email, notice{purpose: n.Purpose, subject: n.Subject, lines: n.Lines, alarm: alarmPolicy})
}

// alarmPolicy is what to do about a mail that nobody did anything for.
const alarmPolicy = "Ask the people who run the organization if you do not know why."
