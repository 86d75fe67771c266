package e2e_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// A thousand audited changes by 32 clients at once are a thousand rows, sealed within ten
// seconds, and the trail verifies.
func TestThousandAuditedChanges(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		const clients, events = 32, 1000
		users := make([]harness.User, clients)
		for i := range users {
			users[i] = sys.Servers[i%len(sys.Servers)].Register(t)
		}
		ids := make([][]string, clients)
		together(t, clients, func(i int) (*harness.Answer, error) {
			var last *harness.Answer
			for n := i; n < events; n += clients {
				a, err := sys.Servers[n%len(sys.Servers)].Try(t.Context(), rename(users[i], n))
				for tries := 0; err == nil && a.Status == http.StatusServiceUnavailable && tries < 20; tries++ { // too much at once: nothing happened
					a, err = sys.Servers[n%len(sys.Servers)].Try(t.Context(), rename(users[i], n))
				}
				if err != nil {
					return nil, err
				}
				if a.Status != http.StatusOK {
					return nil, fmt.Errorf("status %d: %s", a.Status, a.Body)
				}
				ids[i] = append(ids[i], a.Header.Get("X-Request-Id"))
				last = a
			}
			return last, nil
		})
		done := time.Now()
		rows := sys.AuditRows(t, "action = 'user.update'")
		if len(rows) != events {
			t.Errorf("%d rows, want %d", len(rows), events)
		}
		wantEach(t, slices.Concat(ids...), rows)
		wantSealed(t, sys, time.Until(done.Add(10*time.Second)))
		wantVerified(t, sys)
	})
}

// rename is an audited change; n makes it one.
func rename(u harness.User, n int) harness.Call {
	return harness.Call{Method: http.MethodPatch, Path: "/api/v1/users/me", Token: u.Token, Body: map[string]any{"full_name": fmt.Sprintf("Name %d", n)}}
}

// wantEach checks that every request has exactly one row.
func wantEach(t *testing.T, requests []string, rows []harness.AuditRow) {
	t.Helper()
	found := map[string]int{}
	for _, row := range rows {
		found[row.RequestID]++
	}
	for _, id := range requests {
		if found[id] != 1 {
			t.Errorf("the change with request id %s has %d rows", id, found[id])
		}
	}
}

// wantVerified runs the command that recomputes the trail.
func wantVerified(t *testing.T, sys *harness.System) {
	t.Helper()
	if out, code := sys.CLI(t, nil, "audit", "verify"); code != 0 {
		t.Errorf("audit verify: exit code %d\n%s", code, out)
	}
}

// wantSealed waits until no row waits for its seal.
func wantSealed(t *testing.T, sys *harness.System, within time.Duration) {
	t.Helper()
	harness.Eventually(t, within, "everything is sealed", func() bool {
		return sys.One(t, `SELECT count(*) FROM audit_entries WHERE pending IS NOT NULL`) == "0"
	})
}

// sealNow has the job run at once, as an operator can, in place of waiting for its turn.
func sealNow(t *testing.T, sys *harness.System) {
	t.Helper()
	if out, code := sys.CLI(t, nil, "jobs", "run", "seal_audit"); code != 0 {
		t.Errorf("jobs run seal_audit: exit code %d\n%s", code, out)
	}
	wantSealed(t, sys, 15*time.Second)
}

// A kill in the middle of it all loses no acknowledged row and breaks no seal.
func TestTrailSurvivesKill(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		const clients = 32
		users := make([]harness.User, clients)
		for i := range users {
			users[i] = sys.Servers[i%len(sys.Servers)].Register(t)
		}
		for range 2 {
			var mu sync.Mutex
			var acknowledged []string
			ctx, cancel := context.WithCancel(t.Context())
			var working sync.WaitGroup
			for i := range clients {
				working.Go(func() {
					for n := i; ctx.Err() == nil; n += clients {
						a, err := sys.Servers[i%len(sys.Servers)].Try(ctx, rename(users[i], n))
						if err == nil && a.Status == http.StatusOK {
							mu.Lock()
							acknowledged = append(acknowledged, a.Header.Get("X-Request-Id"))
							mu.Unlock()
						}
					}
				})
			}
			harness.Eventually(t, 20*time.Second, "300 changes", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(acknowledged) >= 300
			})
			sys.Last().Kill()
			cancel()
			working.Wait()
			sys.Last().Start(t)
			wantEach(t, acknowledged, sys.AuditRows(t, "action = 'user.update'"))
			wantVerified(t, sys)
		}
		sealNow(t, sys)
		wantVerified(t, sys)
	})
}

// Deleting a user takes their personal data out of the trail and leaves every seal valid,
// whether their rows were sealed before or are sealed after.
func TestErasureKeepsTheTrailValid(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		keeper, gone := s.Register(t), s.Register(t)
		o := s.Found(t, keeper.Token)
		s.AddMember(t, keeper.Token, o, gone, "admin")
		s.Do(t, harness.LoginCall(gone.Email, "Wrong-password-1")).Want(t, http.StatusUnauthorized)
		mark := harness.Unique("agent-")
		c := harness.Rename(gone.Token, o, "Renamed before")
		c.Header = map[string]string{"User-Agent": mark}
		s.Do(t, c).Want(t, http.StatusOK)
		sealNow(t, sys)
		c.Body = map[string]any{"name": "Renamed after"}
		last := sys.Last().Do(t, c).Want(t, http.StatusOK)
		if !strings.Contains(fmt.Sprint(s.Trail(t, keeper.Token, o.Path("audit-logs"))), mark) {
			t.Error("the trail does not show the user agent of somebody who is there")
		}
		wantVerified(t, sys)
		sys.Last().Do(t, deleteMe(gone)).Want(t, http.StatusOK)
		for _, when := range []string{"at once", "once sealed"} {
			rows := s.Trail(t, keeper.Token, o.Path("audit-logs"))
			shown := 0
			for _, row := range rows {
				if row["actor_id"] != gone.ID {
					continue
				}
				shown++
				if row["ip_address"] != nil || row["user_agent"] != nil {
					t.Errorf("%s: the trail shows where a deleted user was: %v", when, row)
				}
			}
			if shown < 2 || !slices.ContainsFunc(rows, func(row map[string]any) bool { return row["request_id"] == last.Header.Get("X-Request-Id") }) {
				t.Errorf("%s: %d rows of the deleted user are left", when, shown)
			}
			if text := fmt.Sprint(rows); strings.Contains(text, mark) || strings.Contains(text, gone.Email) {
				t.Errorf("%s: the trail tells of a deleted user: %s", when, text)
			}
			wantVerified(t, sys)
			sealNow(t, sys)
		}
		for _, table := range sys.Tables(t) {
			if !strings.HasPrefix(table, "audit_") {
				continue
			}
			for _, row := range sys.Query(t, `SELECT * FROM `+table) {
				if text := strings.Join(row, "\n"); strings.Contains(text, gone.Email) || strings.Contains(text, mark) {
					t.Errorf("%s tells of a deleted user: %q", table, row)
				}
			}
		}
		subject := `'user:` + gone.ID + `'`
		for _, table := range []string{"audit_subjects", "audit_personal"} {
			if n := sys.One(t, `SELECT count(*) FROM `+table+` WHERE subject = `+subject); n != "0" {
				t.Errorf("%s rows in %s belong to a deleted user", n, table)
			}
		}
	})
}

// Somebody who changes a row behind the system's back is found, by name.
func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		for n := range 20 {
			sys.First().Do(t, rename(u, n)).Want(t, http.StatusOK)
		}
		sealNow(t, sys)
		wantVerified(t, sys)
		row := sys.AuditRows(t, "action = 'user.update'")[7]
		sys.Exec(t, `UPDATE audit_entries SET action = 'user.login' WHERE id = '`+row.ID+`'`)
		if out, code := sys.CLI(t, nil, "audit", "verify"); code == 0 || !strings.Contains(out, row.ID) {
			t.Errorf("an altered row: exit code %d, want its id %s in\n%s", code, row.ID, out)
		}
		sys.Exec(t, `UPDATE audit_entries SET action = 'user.update' WHERE id = '`+row.ID+`'`)
		wantVerified(t, sys)
		sys.Exec(t, `DELETE FROM audit_entries WHERE id = '`+row.ID+`'`)
		if out, code := sys.CLI(t, nil, "audit", "verify"); code == 0 || !strings.Contains(out, row.ID) {
			t.Errorf("a missing row: exit code %d, want its id %s in\n%s", code, row.ID, out)
		}
	})
}

// The trail can be taken out as CSV and as JSON lines, filtered, and says that it was.
func TestTrailExport(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u := s.Register(t)
		o := s.Found(t, u.Token)
		for n := range 130 { // more than a page
			name := fmt.Sprintf("Name %d", n)
			s.Do(t, harness.Rename(u.Token, o, name)).Want(t, http.StatusOK)
		}
		filter := "?action=org.update"
		listed := s.Trail(t, u.Token, o.Path("audit-logs")+filter)
		if len(listed) != 130 {
			t.Fatalf("%d rows are listed, want 130", len(listed))
		}
		table := export(t, s, u, o.Path("audit-logs")+filter, "text/csv")
		records, err := csv.NewReader(strings.NewReader(table)).ReadAll()
		if err != nil || len(records) != 131 {
			t.Fatalf("the table has %d records: %v", len(records), err)
		}
		column := slices.Index(records[0], "id")
		if column < 0 || slices.Index(records[0], "request_id") < 0 {
			t.Fatalf("the columns are %v", records[0])
		}
		lines := strings.Split(strings.TrimRight(export(t, s, u, o.Path("audit-logs")+filter, "application/x-ndjson"), "\n"), "\n")
		if len(lines) != 130 {
			t.Fatalf("%d lines", len(lines))
		}
		for i, line := range lines {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatalf("line %d: %v", i, err)
			}
			if row["id"] != listed[i]["id"] || records[i+1][column] != row["id"] {
				t.Fatalf("row %d differs: %v, %v, %v", i, listed[i], records[i+1], row)
			}
		}
		since := textOf(listed[9], "created_at")
		if got := s.Trail(t, u.Token, o.Path("audit-logs")+filter+"&since="+since); len(got) != 10 {
			t.Errorf("%d rows since the tenth, want 10", len(got))
		}
		if got := s.Trail(t, u.Token, o.Path("audit-logs")+filter+"&until="+since); len(got) != 121 {
			t.Errorf("%d rows until the tenth, want 121", len(got))
		}
		for _, filter := range []string{"success=maybe", "since=yesterday", "actor_id=%00", "unknown=1", "action=%00"} {
			s.Do(t, harness.Call{Path: o.Path("audit-logs") + "?" + filter, Token: u.Token}).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		}
	})
}

// export reads a stream.
func export(t *testing.T, s *harness.Server, u harness.User, path, media string) string {
	t.Helper()
	a := s.Do(t, harness.Call{Path: path, Token: u.Token, Header: map[string]string{"Accept": media}})
	if a.Status != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), media) {
		t.Fatalf("%s: %d %s %.300s", media, a.Status, a.Header.Get("Content-Type"), a.Body)
	}
	if !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(a.Header.Get("Cache-Control"), "no-store") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: the headers are %v", media, a.Header)
	}
	return string(a.Body)
}
