package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
)

func TestOnlyACommitSends(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		over := &spy{}
		q := open(t, parts(t, b, over))
		boom := errors.New("boom")
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := q.Send(ctx, tx, letter()); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		sweep(t, q, 0, 0, 0)
		if n, err := b.DB.Read().NewSelect().Table("river_job").Count(t.Context()); err != nil || n != 0 {
			t.Errorf("%d jobs, %v", n, err)
		}
		before := b.Statements()
		send(t, b, q, letter())
		if n := b.Statements() - before; n != 2 {
			t.Errorf("sending took %d statements", n)
		}
		if n, err := b.DB.Read().NewSelect().Table("river_job").Where("kind = 'deliver_mail'").Count(t.Context()); err != nil || n != 1 {
			t.Errorf("%d jobs, %v", n, err)
		}
		sweep(t, q, 1, 0, 0)
		sweep(t, q, 0, 0, 0)
		if got := rows(t, b); len(got) != 1 || got[0].State != "sent" || got[0].Message != nil || got[0].Attempts != 1 {
			t.Errorf("rows %+v", got)
		}
		got := over.all()
		if len(got) != 1 {
			t.Fatalf("%d mails", len(got))
		}
		e := got[0]
		if e.From != "no-reply@auth.example.com" || e.To != reader || e.Purpose != "test.invite" || e.MessageID != "<"+e.ID+"@auth.example.com>" {
			t.Errorf("envelope %+v", e)
		}
	})
}

// A process that dies between the lease and the record of the delivery, which here is the
// end of its goroutine, leaves a mail that is delivered again once the lease is over.
func TestKilledDeliveryIsRepeated(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		over := &spy{}
		q, other := open(t, parts(t, b, over)), open(t, parts(t, b, over))
		send(t, b, q, letter())
		over.do(func(context.Context, mail.Envelope) error { runtime.Goexit(); return nil })
		var killed sync.WaitGroup
		killed.Go(func() { _, _ = q.Sweep(t.Context()) })
		killed.Wait()
		over.do(nil)
		sweep(t, other, 0, 0, 0)
		b.Clock.Advance(44 * time.Second)
		sweep(t, other, 0, 0, 0)
		b.Clock.Advance(time.Second)
		sweep(t, other, 1, 0, 0)
		got := over.all()
		if len(got) != 2 || got[0].MessageID != got[1].MessageID || !bytes.Equal(got[0].Content, got[1].Content) {
			t.Errorf("the second delivery is not recognisable: %d", len(got))
		}
	})
}

// A delivery that outlives its lease cannot undo what the next holder found out.
func TestLateOutcome(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		slow, fast := &spy{}, &spy{}
		q, other := open(t, parts(t, b, slow)), open(t, parts(t, b, fast))
		for _, late := range []error{&mail.Failure{Permanent: true, Reason: "550"}, errAway} {
			send(t, b, q, letter())
			slow.do(func(context.Context, mail.Envelope) error {
				b.Clock.Advance(time.Minute)
				sweep(t, other, 1, 0, 0)
				return late
			})
			if _, err := q.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range rows(t, b) {
			if r.State != "sent" || r.Attempts != 2 {
				t.Errorf("row %+v", r)
			}
		}
	})
}

func TestManyReplicasDeliverOnce(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		const mails, replicas = 40, 16
		over := &spy{}
		q := open(t, parts(t, b, over))
		for range mails {
			send(t, b, q, letter())
		}
		start := make(chan struct{})
		var all sync.WaitGroup
		for range replicas {
			one := open(t, parts(t, b, over))
			all.Go(func() {
				<-start
				for range 3 {
					if _, err := one.Sweep(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		close(start)
		all.Wait()
		seen := map[string]int{}
		for _, e := range over.all() {
			seen[e.ID]++
		}
		if len(seen) != mails || len(over.all()) != mails {
			t.Errorf("%d mails delivered %d times", len(seen), len(over.all()))
		}
		for _, r := range rows(t, b) {
			if r.State != "sent" || r.Attempts != 1 {
				t.Errorf("row %+v", r)
			}
		}
	})
}

// A mail server that is away delays mails, for as long as it takes, and never by more than
// ten seconds after it is back.
func TestBackOff(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		over := &spy{fault: errAway}
		q := open(t, parts(t, b, over))
		send(t, b, q, letter())
		sweep(t, q, 0, 1, 0)
		sweep(t, q, 0, 0, 0)
		b.Clock.Advance(400 * time.Millisecond)
		sweep(t, q, 0, 0, 0)
		for range 100 {
			b.Clock.Advance(10 * time.Second)
			sweep(t, q, 0, 1, 0)
		}
		sweep(t, q, 0, 0, 0)
		b.Clock.Advance(4 * time.Second)
		sweep(t, q, 0, 0, 0) // the later pauses are at least half of the longest
		if got := rows(t, b); got[0].State != "waiting" || got[0].Attempts != 101 || got[0].LastError != "an error of type *errors.errorString" {
			t.Errorf("row %+v", got[0])
		}
		over.fail(nil)
		b.Clock.Advance(6 * time.Second)
		sweep(t, q, 1, 0, 0)
	})
}

// A sweep does not try every mail against a server that is dead.
func TestSweepLosesPatience(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	over := &spy{fault: errAway}
	q := open(t, parts(t, b, over))
	for range 30 {
		send(t, b, q, letter())
	}
	if _, err := q.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(over.all()); n < 8 || n > 12 {
		t.Errorf("%d attempts", n)
	}
	over.fail(nil)
	b.Clock.Advance(10 * time.Second)
	sweep(t, q, 30, 0, 0)
}

func TestDeadLetter(t *testing.T) {
	t.Parallel()
	refused := &mail.Failure{Permanent: true, Reason: "550 5.1.1", Err: errAway}
	for name, tc := range map[string]struct {
		do     func(b platformtest.Backend) func(context.Context, mail.Envelope) error
		keys   string
		before time.Duration // the age of the mail
		tries  int
		reason string
	}{
		"refused": {
			do: func(platformtest.Backend) func(context.Context, mail.Envelope) error {
				return func(context.Context, mail.Envelope) error { return fmt.Errorf("smtp: %w", refused) }
			}, tries: 1, reason: "550 5.1.1",
		},
		"panics": {
			do: func(platformtest.Backend) func(context.Context, mail.Envelope) error {
				return func(_ context.Context, e mail.Envelope) error { panic(e.To) }
			}, tries: 5, reason: "the delivery panicked",
		},
		"too old": {
			do: func(platformtest.Backend) func(context.Context, mail.Envelope) error {
				return func(context.Context, mail.Envelope) error { return errAway }
			}, before: 5 * 24 * time.Hour, tries: 1, reason: "an error of type *errors.errorString",
		},
		"key is lost": {keys: "2", before: 5 * 24 * time.Hour, tries: 1, reason: "its key is not in ENCRYPTION_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
				var log bytes.Buffer
				heard, over, metrics := listen(b), &spy{}, prometheus.NewRegistry()
				p := parts(t, b, over)
				send(t, b, open(t, p), letter())
				p.Log, p.Metrics = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), metrics
				if tc.keys != "" {
					p.Keys = keys(t, tc.keys)
				}
				if tc.do != nil {
					over.do(tc.do(b))
				}
				q := open(t, p)
				b.Clock.Advance(tc.before)
				for range tc.tries - 1 {
					sweep(t, q, 0, 1, 0)
					b.Clock.Advance(10 * time.Second)
				}
				sweep(t, q, 0, 0, 1)
				b.Clock.Advance(time.Hour)
				sweep(t, q, 0, 0, 0)
				got := rows(t, b)
				if len(got) != 1 || got[0].State != "dead" || got[0].LastError != tc.reason {
					t.Errorf("rows %+v", got)
				}
				if len(heard.all) != 1 {
					t.Fatalf("facts %+v", heard.all)
				}
				f := heard.all[0]
				if f.Action != mail.ActionDead || f.Success || f.ResourceType != "mail" || f.ResourceID == "" || f.Metadata["purpose"] != "test.invite" {
					t.Errorf("fact %+v", f)
				}
				if !strings.Contains(log.String(), `"level":"ERROR","msg":"a mail was given up"`) {
					t.Errorf("nothing is logged: %s", log.String())
				}
				secretsAbsent(t, "the log", log.Bytes())
				secretsAbsent(t, "the fact", fmt.Append(nil, f))
				want := "# TYPE mails_total counter\nmails_total{purpose=\"test.invite\",result=\"dead\"} 1\n"
				if tc.tries > 1 {
					want += fmt.Sprintf("mails_total{purpose=\"test.invite\",result=\"deferred\"} %d\n", tc.tries-1)
				}
				help := "# HELP mails_total Mails by purpose and result (queued, sent, deferred, dead, disabled). A mail is deferred at every attempt that fails.\n"
				if err := testutil.GatherAndCompare(metrics, strings.NewReader(help+want), "mails_total"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A row that was tampered with is dead: no key opens it.
func TestSealedForItsRow(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		over := &spy{}
		q := open(t, parts(t, b, over))
		send(t, b, q, letter())
		other := letter()
		other.To = "mallory@example.com"
		send(t, b, q, other)
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("UPDATE platform_mails SET message = (SELECT message FROM platform_mails ORDER BY id DESC LIMIT 1)").Exec(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		sweep(t, q, 1, 0, 1)
		if got := over.all(); len(got) != 1 || got[0].To != other.To {
			t.Errorf("delivered %+v", got)
		}
	})
}

// While a key is being rotated, a replica that does not have the new one yet leaves the
// mail to one that does.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	over := &spy{}
	p := parts(t, b, over)
	old := open(t, p)
	p.Keys = keys(t, "2", "1")
	rotated := open(t, p)
	send(t, b, old, letter())
	send(t, b, rotated, letter())
	sweep(t, old, 1, 1, 0)
	b.Clock.Advance(10 * time.Second)
	sweep(t, rotated, 1, 0, 0)
}

// A delivery that takes longer than a sweep goes on, and is awaited at the stop.
func TestSlowDelivery(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		over := &spy{}
		q := open(t, parts(t, b, over))
		send(t, b, q, letter())
		hangs, goesOn := make(chan struct{}), make(chan struct{})
		over.do(func(ctx context.Context, _ mail.Envelope) error {
			close(hangs)
			<-goesOn
			return ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if got, err := q.Sweep(ctx); err != nil || got["sent"] != 0 {
				t.Errorf("the sweep says %v, %v", got, err)
			}
		})
		<-hangs
		cancel()
		all.Wait()
		all.Go(func() {
			if err := q.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
		close(goesOn)
		all.Wait()
		if got := rows(t, b); got[0].State != "sent" {
			t.Errorf("row %+v", got[0])
		}
	})
}

// An interrupted attempt, at shutdown, costs no patience and no time.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		over := &spy{}
		q := open(t, parts(t, b, over))
		send(t, b, q, letter())
		hangs := make(chan struct{})
		over.do(func(ctx context.Context, _ mail.Envelope) error {
			close(hangs)
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		if err := q.Start(ctx); err != nil {
			t.Fatal(err)
		}
		<-hangs
		cancel() // the end of whoever began it does not end a delivery
		if err := q.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		over.do(nil)
		sweep(t, q, 0, 0, 0)
		sweep(t, open(t, parts(t, b, over)), 1, 0, 0)
	})
}

// Nothing that describes a person or opens a door is in the database or in a log.
func TestNothingInClear(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		var log bytes.Buffer
		p := parts(t, b, &spy{fault: errAway})
		p.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		q := open(t, p)
		send(t, b, q, letter())
		sweep(t, q, 0, 1, 0)
		p.Transport = mail.NewMaildir(t.TempDir(), p.Log)
		b.Clock.Advance(10 * time.Second)
		for _, table := range []string{"platform_mails", "river_job"} {
			secretsAbsent(t, table, dump(t, b, table))
		}
		sweep(t, open(t, p), 1, 0, 0)
		for _, table := range []string{"platform_mails", "river_job"} {
			secretsAbsent(t, table, dump(t, b, table))
		}
		secretsAbsent(t, "the log", log.Bytes())
		if !strings.Contains(log.String(), ".eml") {
			t.Errorf("the path is not logged: %s", log.String())
		}
	})
}

// dump returns every value of a table as bytes.
func dump(t *testing.T, b platformtest.Backend, table string) []byte {
	t.Helper()
	rows, err := b.DB.Read().QueryContext(t.Context(), "SELECT * FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			switch v := (*v.(*any)).(type) {
			case []byte:
				out = append(out, v...)
			default:
				out = fmt.Appendf(out, "%v", v)
			}
			out = append(out, '\n')
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("%s is empty", table)
	}
	return out
}

func secretsAbsent(t *testing.T, where string, content []byte) {
	t.Helper()
	for _, secret := range []string{reader, "zoe.reader", "ann.writer", token, "Köln", "Hallo"} {
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s holds %q:\n%s", where, secret, content)
		}
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		over := &spy{}
		q := open(t, parts(t, b, over))
		prune := func(want int64) {
			t.Helper()
			for _, p := range q.Periodic() {
				if p.Name != "prune_mails" {
					continue
				}
				if got, err := p.Run(t.Context()); err != nil || got["removed"] != want {
					t.Errorf("pruned %v, %v, want %d", got, err, want)
				}
			}
		}
		send(t, b, q, letter())
		sweep(t, q, 1, 0, 0)
		over.fail(&mail.Failure{Permanent: true, Reason: "550"})
		send(t, b, q, letter())
		sweep(t, q, 0, 0, 1)
		over.fail(errAway)
		send(t, b, q, letter())
		sweep(t, q, 0, 1, 0)
		b.Clock.Advance(7 * 24 * time.Hour)
		prune(0)
		b.Clock.Advance(time.Second)
		prune(2)
		if got := rows(t, b); len(got) != 1 || got[0].State != "waiting" {
			t.Errorf("rows %+v", got)
		}
	})
}

// Jobs deliver by themselves, at once and in the order of nobody's asking.
func TestWorkers(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		over := &spy{}
		p := parts(t, b, over)
		p.Clock = clock.System{}
		p.Jobs = jobs.New(b.DB, clock.System{}, b.Log, jobs.Settings{InProcess: true})
		q := open(t, p)
		if err := p.Jobs.Register(q.Periodic(), q.Workers(), nil); err != nil {
			t.Fatal(err)
		}
		send(t, b, q, letter()) // before anybody works
		if err := p.Jobs.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Jobs.Stop(context.Background()) })
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = q.Stop(context.Background()) })
		for range 9 {
			send(t, b, q, letter())
		}
		platformtest.Eventually(t, 30*time.Second, "ten mails", func() bool { return len(over.all()) >= 10 })
		platformtest.Eventually(t, 30*time.Second, "ten rows", func() bool {
			return !slices.ContainsFunc(rows(t, b), func(r row) bool { return r.State != "sent" })
		})
		if n := len(over.all()); n != 10 {
			t.Errorf("%d deliveries", n)
		}
	})
}
