package database_test

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/platformtest"
)

// TestTimesCompare holds every way of writing a time against every way of comparing one:
// bun's literals and prepared arguments must mean the same on both databases, down to the
// microsecond and whatever the zone of the argument.
func TestTimesCompare(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		zone := time.FixedZone("far", 5*3600+1800)
		base := time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC)
		steps := []time.Duration{
			-time.Hour, -time.Second, -time.Microsecond, 0, time.Microsecond, 10 * time.Microsecond, 99 * time.Millisecond,
			100 * time.Millisecond, 123456 * time.Microsecond, 123460 * time.Microsecond, 999999 * time.Microsecond, time.Second, 24 * time.Hour,
		}
		byBun := b.DB.Prepare("INSERT INTO things (id, name, ends_at) VALUES (?, ?, ?)")
		for i, d := range steps {
			at := base.Add(d).Add(400 * time.Nanosecond).In(zone) // the database keeps microseconds
			id := string(rune('a' + i))
			err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				if i%2 == 0 {
					_, err := byBun.In(tx).Exec(ctx, id, id, at)
					return err
				}
				_, err := tx.NewInsert().Model(&thing{ID: id, Name: id, EndsAt: at}).Exec(ctx)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		count := b.DB.Prepare("SELECT count(*) FROM things WHERE ends_at <= ?")
		for i, d := range steps {
			for _, limit := range []time.Time{base.Add(d), base.Add(d).In(zone), base.Add(d).Add(999 * time.Nanosecond)} {
				var prepared, inlined int
				if err := count.QueryRow(t.Context(), limit).Scan(&prepared); err != nil {
					t.Fatal(err)
				}
				if err := b.DB.Read().NewRaw("SELECT count(*) FROM things WHERE ends_at <= ?", limit).Scan(t.Context(), &inlined); err != nil {
					t.Fatal(err)
				}
				if prepared != i+1 || inlined != i+1 {
					t.Errorf("ends_at <= base%+v: prepared %d, inlined %d, want %d", d, prepared, inlined, i+1)
				}
			}
		}
	})
}

// TestTimesComeBack reads a time back through a model, a prepared statement, RETURNING and
// an expression.
func TestTimesComeBack(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		want := time.Date(2026, 3, 1, 12, 0, 0, 120_000_000, time.UTC)
		insertReturning := b.DB.Prepare("INSERT INTO things (id, name, ends_at) VALUES (?, ?, ?) RETURNING ends_at")
		got := map[string]time.Time{}
		var returned time.Time
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			return insertReturning.In(tx).QueryRow(ctx, "a", "a", want.In(time.FixedZone("x", -3600))).Scan(&returned)
		})
		if err != nil {
			t.Fatal(err)
		}
		got["returning"] = returned
		var row thing
		if err := b.DB.Read().NewSelect().Model(&row).Where("id = ?", "a").Scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		got["model"] = row.EndsAt
		var prepared, latest, none time.Time
		if err := b.DB.Prepare("SELECT ends_at FROM things WHERE id = ?").QueryRow(t.Context(), "a").Scan(&prepared); err != nil {
			t.Fatal(err)
		}
		got["prepared"] = prepared
		if err := b.DB.Prepare("SELECT max(ends_at), (SELECT max(ends_at) FROM things WHERE id = 'z') FROM things").
			QueryRow(t.Context()).Scan(database.Time(&latest), database.Time(&none)); err != nil {
			t.Fatal(err)
		}
		got["expression"] = latest
		for how, at := range got {
			if !at.Equal(want) || at.Location() != time.UTC {
				t.Errorf("%s: %v, want %v", how, at, want)
			}
		}
		if !none.IsZero() {
			t.Errorf("no time is %v", none)
		}
	})
}
