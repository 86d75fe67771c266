package audit_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/platformtest"
)

// fill writes n rows, half of them of one organization, without going through the bus.
// All are acts of the actor, or of a thousand users when it is empty.
func (h *house) fill(t testing.TB, n int, actor string) {
	t.Helper()
	const step = 1000 // well within the time that a transaction has
	for from := 0; from < n; from += step {
		h.fillFrom(t, from, min(from+step, n), actor)
	}
}

func (h *house) fillFrom(t testing.TB, from, to int, actor string) {
	t.Helper()
	const columns = `INSERT INTO audit_entries (id, created_at, action, actor_id, organization_id, resource_type, resource_id, success, request_id, metadata, mac) `
	if h.DB.Dialect() == database.PostgreSQL {
		h.exec(t, columns+`SELECT ('01900000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, timestamptz '2026-01-01 00:00:00Z' + i * interval '1 second',
	(ARRAY['org.member.add','org.update','user.login','org.invite.create'])[1 + i % 4],
	COALESCE(NULLIF(?, ''), '01900000-0000-7000-8000-' || lpad((i % 1000)::text, 12, '0')),
	CASE WHEN i / 8 % 2 = 0 THEN ? ELSE ? END, (ARRAY['member','organization','user','invite'])[1 + i % 4], '01900000-0000-7000-8000-' || lpad((i % 5000)::text, 12, '0'),
	i % 997 <> 0, 'request-' || i, '{"role":"member"}', 'x' FROM generate_series(?, ?) AS i`, actor, acme, other, from+1, to)
		return
	}
	h.exec(t, `WITH RECURSIVE series(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM series WHERE i < ?) `+columns+
		`SELECT printf('01900000-0000-7000-8000-%012d', i), strftime('%Y-%m-%d %H:%M:%S', '2026-01-01', '+' || i || ' seconds') || '+00:00',
	CASE i % 4 WHEN 0 THEN 'org.member.add' WHEN 1 THEN 'org.update' WHEN 2 THEN 'user.login' ELSE 'org.invite.create' END,
	COALESCE(NULLIF(?, ''), printf('01900000-0000-7000-8000-%012d', i % 1000)), CASE WHEN i / 8 % 2 = 0 THEN ? ELSE ? END,
	CASE i % 4 WHEN 0 THEN 'member' WHEN 1 THEN 'organization' WHEN 2 THEN 'user' ELSE 'invite' END,
	printf('01900000-0000-7000-8000-%012d', i % 5000), i % 997 <> 0, 'request-' || i, '{"role":"member"}', x'00' FROM series`, from+1, to, actor, acme, other)
}

// counter counts lines and looks at the heap while they pass.
type counter struct {
	lines, bytes int
	highest      uint64
	every        int
	writes       int
}

func (c *counter) Write(p []byte) (int, error) {
	c.lines += bytes.Count(p, []byte("\n"))
	c.bytes += len(p)
	if c.writes++; c.writes%c.every == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.highest = max(c.highest, m.HeapAlloc)
	}
	return len(p), nil
}

// A stream holds a page, however many rows there are. The test is not parallel, because it
// looks at the heap.
func TestStreamsAreOfConstantMemory(t *testing.T) { //nolint:paralleltest // it looks at the heap
	const bound = 32 << 20
	for rows, b := range map[int]platformtest.Backend{10_000: platformtest.SQLite(t, lines()...), 50_000: platformtest.Postgres(t, lines()...)} {
		h := newHouse(t, b)
		h.fill(t, rows, ann)
		for _, media := range []string{audit.MediaCSV, audit.MediaJSONL} {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			out := &counter{every: 50}
			before := h.Statements()
			if err := h.service.Stream(t.Context(), out, media, audit.Scope{UserID: ann}, audit.Filter{}); err != nil {
				t.Fatal(err)
			}
			want := rows
			if media == audit.MediaCSV {
				want++
			}
			if out.lines != want {
				t.Errorf("%s, %s: %d lines, want %d", b.Name, media, out.lines, want)
			}
			if grown := int64(out.highest) - int64(m.HeapAlloc); grown > bound || out.highest == 0 {
				t.Errorf("%s, %s: the heap grew by %d bytes", b.Name, media, grown)
			}
			if n := h.Statements() - before; n > 2*(rows/500+1) {
				t.Errorf("%s, %s: %d statements", b.Name, media, n)
			}
		}
	}
}

// failing takes some bytes and fails.
type failing struct{ left int }

var errGone = errors.New("the client is gone")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errGone
	}
	return len(p), nil
}

func TestStreamsEndWithTheirReader(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	h.fill(t, 4000, "")
	for _, media := range []string{audit.MediaCSV, audit.MediaJSONL} {
		before := h.Statements()
		err := h.service.Stream(t.Context(), &failing{left: 1000}, media, audit.Scope{OrganizationID: acme}, audit.Filter{})
		if !errors.Is(err, errGone) || h.Statements()-before > 4 {
			t.Errorf("%s: %v after %d statements", media, err, h.Statements()-before)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := h.service.Stream(ctx, &counter{every: 1000}, media, audit.Scope{OrganizationID: acme}, audit.Filter{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", media, err)
		}
	}
}

// An export of somebody's data is bounded, and says so.
func TestExportIsBounded(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.fill(t, 10_001, ann)
		for _, step := range []struct {
			who  string
			rows int
			cut  bool
		}{{bob, 0, false}, {ann, 10_000, true}} {
			section, err := h.service.Export(t.Context(), step.who)
			if err != nil || len(section.Rows) != step.rows || section.Cut != step.cut {
				t.Errorf("%d rows, cut %v, %v", len(section.Rows), section.Cut, err)
			}
			if step.cut && *section.Rows[0].RequestID != "request-10001" {
				t.Errorf("the newest row is %+v", section.Rows[0])
			}
		}
		h.exec(t, `DELETE FROM audit_entries WHERE request_id = 'request-1'`)
		if section, err := h.service.Export(t.Context(), ann); err != nil || len(section.Rows) != 10_000 || section.Cut {
			t.Errorf("%d rows, cut %v, %v", len(section.Rows), section.Cut, err)
		}
	})
}
