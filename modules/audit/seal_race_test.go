package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// A thousand facts that are recorded while two sealers are at work are a thousand rows
// under one chain.
func TestSealersBesideWriters(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		v := newVault(t, b)
		second := newSealing(t, b)
		const writers, each = 8, 125
		work, done := context.WithCancel(t.Context())
		var writing, sealing sync.WaitGroup
		for range writers {
			writing.Go(func() { v.publish(t, deeds(each)...) })
		}
		for _, s := range []*audit.Sealing{v.sealing, second} {
			sealing.Go(func() {
				for work.Err() == nil {
					b.Clock.Advance(100 * time.Millisecond)
					if _, refused, err := s.Seal(t.Context()); err != nil || refused > 0 {
						t.Errorf("seal beside others: %d refused, %v", refused, err)
						return
					}
					if _, err := s.Verify(t.Context(), audit.VerifyOptions{}); err != nil {
						t.Errorf("verify beside others: %v", err)
						return
					}
				}
			})
		}
		writing.Wait()
		done()
		sealing.Wait()
		b.Clock.Advance(3 * time.Second)
		if _, _, err := v.sealing.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := v.verify(t); s.Rows != writers*each || s.UnsealedRows != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A transaction that commits after later ones were sealed has its row sealed as well.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	v := newVault(t, platformtest.Postgres(t, lines()...))
	written, commit, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- v.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			err := v.Bus.Publish(ctx, tx, events.Fact{Action: "thing.done", ResourceType: "thing", ResourceID: "late"})
			close(written)
			<-commit
			return err
		})
	}()
	<-written
	v.publish(t, deeds(4)...)
	// Fresh rows wait for the older transaction, settled ones do not.
	if sealed, _, err := v.sealing.Seal(t.Context()); err != nil || sealed != 0 {
		t.Errorf("sealed %d rows at once, %v", sealed, err)
	}
	v.seal(t, 4)
	close(commit)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	v.verify(t)
	v.seal(t, 1)
	if s := v.verify(t); s.Rows != 5 || s.Seals != 2 {
		t.Errorf("%+v", s)
	}
}

// A row that was altered before it was sealed stays unsealed, is told of, and keeps no
// other row from being sealed.
func TestRefusedRows(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		var said bytes.Buffer
		v := newVault(t, b, func(s *vaultSetup) { s.log = slog.New(slog.NewTextHandler(&said, nil)) })
		x := &tamperer{vault: v, t: t}
		v.publish(t, deeds(700)...)
		rows := x.all("audit_entries")
		for _, r := range rows[:600] { // more than a batch
			x.write(update("audit_entries", r, map[string]any{"action": "thing.undone"}))
		}
		b.Clock.Advance(3 * time.Second)
		sealed, refused, err := v.sealing.Seal(t.Context())
		if err != nil || sealed != 100 || refused != 600 {
			t.Errorf("sealed %d, refused %d, %v", sealed, refused, err)
		}
		if n := strings.Count(said.String(), "level=ERROR"); n != 1 {
			t.Errorf("%d complaints: %s", n, said.String())
		}
		if p := v.problem(t); p == nil || p.Kind != audit.KindAltered || p.Row != rows[0]["id"] {
			t.Errorf("found: %v", p)
		}
	})
}

// A sealing process that is killed leaves a whole trail, and another goes on with it.
func TestKilledSealer(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + filepath.Join(t.TempDir(), "killed.db") },
		"postgres": func() string { return platformtest.PostgresURL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rows = 3000
			at := url()
			db := platformtest.OpenDB(t, database.Settings{URL: secret.New(at)})
			all := append([]migrate.Line{migrate.Platform()}, lines()...)
			if err := migrate.New(db, all, platformtest.Log(t)).Up(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			v := newVault(t, bare(t, db))
			for facts := range slices.Chunk(deeds(rows), 250) {
				err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
					for _, f := range facts {
						if err := v.Bus.Publish(ctx, tx, f); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			for range 3 {
				if left, err := db.Read().NewSelect().Table("audit_entries").Where("pending IS NOT NULL").Count(t.Context()); err != nil || left == 0 {
					break // it was quicker than this test
				}
				before := v.count(t, "audit_seals")
				sealer := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSealerProcess$")
				sealer.Env = append(os.Environ(), "SEALER_URL="+at)
				if err := sealer.Start(); err != nil {
					t.Fatal(err)
				}
				platformtest.Eventually(t, time.Minute, "the other process to seal", func() bool { return v.count(t, "audit_seals") > before })
				if err := sealer.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				_ = sealer.Wait()
				s := v.verify(t)
				t.Logf("killed after %d of %d rows", s.Rows, rows)
				if s.Rows+s.UnsealedRows != rows {
					t.Errorf("%+v", s)
				}
			}
			v.Clock.Advance(time.Minute)
			if _, _, err := v.sealing.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s := v.verify(t); s.Rows != rows || s.UnsealedRows != 0 {
				t.Errorf("in the end: %+v", s)
			}
		})
	}
}

// bare is a backend of a database alone.
func bare(t *testing.T, db *database.DB) platformtest.Backend {
	t.Helper()
	return platformtest.Backend{
		Name: "bare", DB: db, Clock: platformtest.NewFakeClock(time.Now()), Bus: events.NewBus(), Log: platformtest.Log(t),
	}
}

// TestSealerProcess is the process that TestKilledSealer kills; by itself it does nothing.
func TestSealerProcess(t *testing.T) {
	t.Parallel()
	url := os.Getenv("SEALER_URL")
	if url == "" {
		return
	}
	b := bare(t, platformtest.OpenDB(t, database.Settings{URL: secret.New(url)}))
	b.Clock.Advance(time.Minute)
	s := newSealing(t, b)
	for {
		if _, _, err := s.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// A new ENCRYPTION_KEY takes over everything that an old one has sealed.
func TestRotatedEncryptionKey(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		const fresh = "k2:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
		v := newVault(t, b)
		v.publish(t, deeds(300)...)
		v.publish(t, events.Fact{Action: "thing.done", ActorID: carol})
		for n := range 250 {
			v.publish(t, events.Fact{Action: "thing.done", ActorID: fmt.Sprintf("01900000-0000-7000-8000-%012d", n)})
		}
		v.seal(t, 551)
		v.deleteUser(t, carol, "carol@example.com")
		if _, err := v.sealing.Run(t.Context(), "reconcile_audit"); err != nil {
			t.Fatal(err)
		}
		b.Clock.Advance(time.Hour)
		v.seal(t, 0)
		during := newSealing(t, b, func(s *vaultSetup) { s.keys = fresh + "," + testKey })
		report, err := during.Run(t.Context(), "seal_audit")
		if err != nil || report["resealed"] < 250 {
			t.Fatalf("%v, %v", report, err)
		}
		if report, err = during.Run(t.Context(), "seal_audit"); err != nil || report["resealed"] != 0 {
			t.Errorf("again: %v, %v", report, err)
		}
		after := newSealing(t, b, func(s *vaultSetup) { s.keys = fresh })
		if s, err := after.Verify(t.Context(), audit.VerifyOptions{}); err != nil || s.Rows != 551 {
			t.Errorf("with the new key alone: %+v, %v", s, err)
		}
		if _, err := v.sealing.Verify(t.Context(), audit.VerifyOptions{}); err == nil {
			t.Error("with the old key alone everything is as it was")
		}
	})
}
