package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

func revoke(token, id string) harness.Call {
	return harness.Call{Method: http.MethodDelete, Path: "/api/v1/auth/sessions/" + id, Token: token}
}

// The process is killed after the tombstone and before the commit: the token stays
// refused, everywhere and for good, and the row follows.
//
// A trigger that fires at COMMIT waits for a lock that the test holds, so that the commit
// hangs; then the process is killed and its transaction is ended by the database.
func TestKilledBetweenTombstoneAndCommit(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Pair}, Errors: true}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		a, b := sys.First(), sys.Last()
		u := a.Register(t)
		victim := b.Login(t, u)
		id := b.CurrentSession(t, victim)
		a.Do(t, harness.Me(victim)).Want(t, http.StatusOK)

		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		conn, err := sys.Postgres.Connect(ctx, sys.Database)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		const lock = 4711
		for _, statement := range []string{
			`CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF NEW.status = 'REVOKED' AND NEW.id::text = '` + id + `' THEN PERFORM pg_advisory_xact_lock(4711); END IF; RETURN NULL; END $$`,
			`CREATE CONSTRAINT TRIGGER hang AFTER UPDATE ON sessions_sessions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hang()`,
			fmt.Sprintf(`SELECT pg_advisory_lock(%d)`, lock),
		} {
			if _, err := conn.Exec(ctx, statement); err != nil {
				t.Fatal(err)
			}
		}

		go func() { _, _ = a.Try(ctx, revoke(u.Token, id)) }()
		var backend int
		harness.Eventually(t, 5*time.Second, "the revocation waits in its commit", func() bool {
			return conn.QueryRow(ctx, `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&backend) == nil
		})
		a.Kill()
		if _, err := conn.Exec(ctx, `SELECT pg_terminate_backend($1)`, backend); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(ctx, `DROP TRIGGER hang ON sessions_sessions`); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`); err != nil {
			t.Fatal(err)
		}

		b.Do(t, harness.Me(victim)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
		a.Start(t)
		for range 5 {
			for _, s := range sys.Servers {
				s.Do(t, harness.Me(victim)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
			}
		}
		b.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK)
		harness.Eventually(t, 5*time.Second, "a reader that found the tombstone finishes the revocation", func() bool {
			return sys.One(t, "SELECT status FROM sessions_sessions WHERE id = '"+id+"'") == "REVOKED"
		})
		// From here on the row alone must do.
		if _, err := sys.Redis.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
		for _, s := range sys.Servers {
			s.Do(t, harness.Me(victim)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
			s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK)
		}
	})
}

// Whatever happens to Redis, a revoked token stays refused and a valid one keeps working.
func TestRedisNeverRevives(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Pair}, Errors: true}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		newVictim := func() (token, id string) {
			token = sys.Last().Login(t, u)
			id = sys.Last().CurrentSession(t, token)
			for _, s := range sys.Servers {
				s.Do(t, harness.Me(token)).Want(t, http.StatusOK)
			}
			return token, id
		}
		var dead []string
		check := func(what string) {
			t.Helper()
			for _, s := range sys.Servers {
				for _, token := range dead {
					s.Do(t, harness.Me(token)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
				}
				harness.Eventually(t, 2*time.Second, what+": valid sessions work", func() bool {
					call := harness.Me(u.Token)
					call.Unavailable = true
					return s.Do(t, call).Status == http.StatusOK
				})
			}
		}

		token, id := newVictim()
		older, err := sys.Redis.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		sys.First().Do(t, revoke(u.Token, id)).Want(t, http.StatusOK)
		dead = append(dead, token)
		check("after the revocation")

		if _, err := sys.Redis.Do("FLUSHALL"); err != nil {
			t.Fatal(err)
		}
		check("flushed")

		if err := sys.Redis.Restore(older); err != nil {
			t.Fatal(err)
		}
		check("swapped for an older copy")

		// Frozen, with a revocation in the middle of it.
		token, id = newVictim()
		sys.Redis.Freeze()
		check("frozen")
		sys.First().Do(t, revoke(u.Token, id)).Want(t, http.StatusOK)
		dead = append(dead, token)
		check("revoked while frozen")
		sys.Redis.Thaw()
		harness.Throughout(t, 700*time.Millisecond, "thawed: refused", func() bool { check("thawed"); return true })

		// Killed and started empty, with a revocation while it is away.
		token, id = newVictim()
		if older, err = sys.Redis.Snapshot(); err != nil {
			t.Fatal(err)
		}
		sys.Redis.Kill()
		check("stopped")
		sys.Last().Do(t, revoke(u.Token, id)).Want(t, http.StatusOK)
		dead = append(dead, token)
		check("revoked while stopped")
		if err := sys.Redis.Start(); err != nil {
			t.Fatal(err)
		}
		check("started empty")
		if err := sys.Redis.Restore(older); err != nil {
			t.Fatal(err)
		}
		check("started on a copy from before the revocation")

		for _, s := range sys.Servers {
			s.Kill()
			s.Start(t)
		}
		check("after a restart of every process")
	})
}

// Embedded: what was acknowledged survives kill -9.
func TestAcknowledgedRevocationSurvivesKill(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}, Errors: true}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u := s.Register(t)
		for range 5 {
			token := s.Login(t, u)
			id := s.CurrentSession(t, token)
			s.Do(t, revoke(u.Token, id)).Want(t, http.StatusOK)
			s.Kill()
			s.Start(t)
			s.Do(t, harness.Me(token)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
			s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK)
		}
		if sys.Kind == harness.Embedded && sys.One(t, "PRAGMA integrity_check") != "ok" {
			t.Error("the file is damaged")
		}
	})
}

// 1,000 revocations on one process, each tried on the other at once: none is accepted.
func TestThousandRevocations(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Pair}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		const sessions, workers = 1000, 8
		u := sys.First().Register(t)
		work := make(chan int)
		var wait sync.WaitGroup
		var mu sync.Mutex
		accepted := 0
		for range workers {
			wait.Go(func() {
				for i := range work {
					here, there := sys.Servers[i%len(sys.Servers)], sys.Servers[(i+1)%len(sys.Servers)]
					login, err := there.Try(t.Context(), harness.LoginCall(u.Email, u.Password))
					if err != nil || login.Status != http.StatusOK {
						t.Errorf("log in: %v %v", err, login)
						continue
					}
					token := login.Text("data", "token")
					if before, err := there.Try(t.Context(), harness.Me(token)); err != nil || before.Status != http.StatusOK {
						t.Errorf("before: %v %v", err, before)
					}
					out, err := here.Try(t.Context(), harness.Call{Method: http.MethodPost, Path: "/api/v1/auth/logout", Token: token})
					if err != nil || out.Status != http.StatusOK {
						t.Errorf("log out: %v %v", err, out)
						continue
					}
					after, err := there.Try(t.Context(), harness.Me(token))
					if err != nil || after.Status != http.StatusUnauthorized {
						mu.Lock()
						accepted++
						mu.Unlock()
					}
				}
			})
		}
		for i := range sessions {
			work <- i
		}
		close(work)
		wait.Wait()
		if accepted > 0 {
			t.Errorf("%d of %d revoked tokens were accepted", accepted, sessions)
		}
	})
}

// Restored backups revive dead sessions: after-restore ends them all.
func TestAfterRestore(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Single, harness.Pair}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		sys.Last().Do(t, harness.Me(u.Token)).Want(t, http.StatusOK)
		if out, code := sys.CLI(t, nil, "db", "after-restore"); code != 0 {
			t.Fatalf("db after-restore: exit code %d\n%s", code, out)
		}
		for _, s := range sys.Servers {
			s.Do(t, harness.Me(u.Token)).Want(t, http.StatusUnauthorized)
		}
		sys.First().Login(t, u)
	})
}
