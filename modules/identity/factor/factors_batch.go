package factor

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// batchOf is for how many users one statement reads the factors.
const batchOf = 500

// FactorsOf returns the verified factors of users, in one statement for up to 500. Users
// without any are left out. It counts no recovery codes: they stand for an app.
func (f *Factors) FactorsOf(ctx context.Context, on bun.IDB, ids []string) (map[string]Held, error) {
	held := make(map[string]Held, len(ids))
	for batch := range slices.Chunk(ids, batchOf) {
		if err := addFactors(ctx, on, batch, held); err != nil {
			return nil, fmt.Errorf("factor: find the factors of users: %w", err)
		}
	}
	return held, nil
}

func addFactors(ctx context.Context, on bun.IDB, ids []string, held map[string]Held) error {
	apps := on.NewSelect().Table("identity_totp").ColumnExpr("user_id, 1 AS apps, 0 AS passkeys").
		Where("user_id IN (?)", bun.List(ids)).Where("verified_at IS NOT NULL")
	passkeys := on.NewSelect().Table("identity_passkeys").ColumnExpr("user_id, 0 AS apps, count(*) AS passkeys").
		Where("user_id IN (?)", bun.List(ids)).Group("user_id")
	rows, err := apps.UnionAll(passkeys).Rows(ctx)
	if err != nil {
		return database.Translate(err)
	}
	defer rows.Close()
	for rows.Next() {
		var userID string
		var app, keys int64
		if err := rows.Scan(&userID, &app, &keys); err != nil {
			return database.Translate(err)
		}
		h := held[userID]
		h.TOTP = h.TOTP || app > 0
		h.Passkeys += keys
		held[userID] = h
	}
	return database.Translate(rows.Err())
}
