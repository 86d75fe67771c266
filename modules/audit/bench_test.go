package audit_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// million is a trail of a million rows, half of them of one organization.
func million(b *testing.B, backend platformtest.Backend) *house {
	b.Helper()
	h := newHouse(b, backend)
	h.fill(b, 1_000_000, "")
	if h.DB.Dialect() == database.PostgreSQL { // which does so by itself, a minute later
		h.exec(b, `ANALYZE audit_entries`)
	}
	return h
}

// BenchmarkPageOfAMillion reads the first page under each filter, and shows how with
// go test -bench=Page -v.
func BenchmarkPageOfAMillion(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { pages(b, million(b, platformtest.SQLite(b, lines()...))) })
	b.Run("postgres", func(b *testing.B) { pages(b, million(b, platformtest.Postgres(b, lines()...))) })
}

func pages(b *testing.B, h *house) {
	b.Helper()
	no := false
	last := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC).Add(1_000_000 * time.Second)
	actor := "01900000-0000-7000-8000-000000000042"
	organization := audit.Scope{OrganizationID: acme}
	for _, tc := range []struct {
		name   string
		scope  audit.Scope
		filter audit.Filter
		after  *audit.Position
	}{
		{"newest", organization, audit.Filter{}, nil},
		{"middle", organization, audit.Filter{}, &audit.Position{At: last.Add(-500_000 * time.Second), ID: actor}},
		{"action", organization, audit.Filter{Action: "user.login"}, nil},
		{"rare-action", organization, audit.Filter{Action: "org.delete"}, nil},
		{"actor", organization, audit.Filter{ActorID: actor}, nil},
		{"type", organization, audit.Filter{ResourceType: "member"}, nil},
		{"no-type", organization, audit.Filter{ResourceType: "nothing"}, nil},
		{"thing", organization, audit.Filter{ResourceType: "user", ResourceID: actor}, nil},
		{"id", organization, audit.Filter{ResourceID: actor}, nil},
		{"no-id", organization, audit.Filter{ResourceID: "nothing"}, nil},
		{"since-until", organization, audit.Filter{Since: last.Add(-700_000 * time.Second), Until: last.Add(-600_000 * time.Second)}, nil},
		{"failed", organization, audit.Filter{Success: &no}, nil},
		{"failed-action", organization, audit.Filter{Success: &no, Action: "user.login"}, nil},
		{"own", audit.Scope{UserID: actor}, audit.Filter{}, nil},
		{"own-action", audit.Scope{UserID: actor}, audit.Filter{Action: "user.login"}, nil},
		{"own-failed", audit.Scope{UserID: actor}, audit.Filter{Success: &no}, nil},
	} {
		b.Run(tc.name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := h.service.Page(b.Context(), tc.scope, tc.filter, tc.after, 20); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			for _, line := range h.plan(b, tc.scope, tc.filter, tc.after) {
				b.Log(line)
			}
		})
	}
}

// plan says how the rows of a page are found.
func (h *house) plan(b *testing.B, scope audit.Scope, f audit.Filter, after *audit.Position) []string {
	b.Helper()
	var all []string
	sql, args := audit.PageSQL(h.DB.Dialect(), scope, f, after, 21)
	if h.DB.Dialect() == database.PostgreSQL {
		if err := h.DB.Read().NewRaw("EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF, TIMING OFF) "+sql, args...).Scan(b.Context(), &all); err != nil {
			b.Fatal(err)
		}
	} else {
		var steps []struct {
			ID, Parent, Notused int
			Detail              string
		}
		if err := h.DB.Read().NewRaw("EXPLAIN QUERY PLAN "+sql, args...).Scan(b.Context(), &steps); err != nil {
			b.Fatal(err)
		}
		for _, s := range steps {
			all = append(all, s.Detail)
		}
	}
	kept := all[:0]
	for _, line := range all {
		if strings.Contains(line, "on audit_entries") || strings.Contains(line, "audit_entries USING") || strings.Contains(line, "SCAN audit_entries") || strings.Contains(line, "TEMP B-TREE") {
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return kept
}

// BenchmarkStreamOfAMillion writes half a million rows and says how high the heap got.
func BenchmarkStreamOfAMillion(b *testing.B) {
	h := million(b, platformtest.Postgres(b, lines()...))
	for _, media := range []string{audit.MediaCSV, audit.MediaJSONL} {
		b.Run(media, func(b *testing.B) {
			for b.Loop() {
				runtime.GC()
				out := &counter{every: 200}
				if err := h.service.Stream(b.Context(), out, media, audit.Scope{OrganizationID: acme}, audit.Filter{}); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(out.lines), "lines")
				b.ReportMetric(float64(out.highest)/(1<<20), "MiB-heap")
			}
		})
	}
}

// BenchmarkRecord is what a fact adds to a transaction.
func BenchmarkRecord(b *testing.B) {
	for name, backend := range map[string]platformtest.Backend{"sqlite": platformtest.SQLite(b, lines()...), "postgres": platformtest.Postgres(b, lines()...)} {
		h := newHouse(b, backend)
		c := client()
		fact := events.Fact{
			Action: "user.login", ActorID: ann, ResourceType: "user", ResourceID: ann, OrganizationID: acme, Success: true,
			Metadata: map[string]string{"method": "pwd"}, Personal: map[string]string{"email": "ann@example.com"}, PersonalOf: ann,
		}
		b.Run(name, func(b *testing.B) {
			const batch = 100
			for b.Loop() {
				err := h.DB.InTx(authn.WithClient(b.Context(), &c), func(ctx context.Context, tx bun.Tx) error {
					for range batch {
						if err := h.Bus.Publish(ctx, tx, fact); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "µs/fact")
		})
	}
}
