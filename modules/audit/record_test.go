package audit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

func TestAFactIsOneStatement(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.publish(t, events.Fact{Action: "thing.done"})
		before := h.Statements()
		h.publish(t, events.Fact{
			Action: "user.login", ActorID: ann, ResourceType: "user", ResourceID: ann, OrganizationID: acme, Success: true,
			Metadata: map[string]string{"method": "pwd"}, Personal: map[string]string{"email": "ann@example.com"}, PersonalOf: ann,
		})
		if n := h.Statements() - before; n != 1 {
			t.Errorf("a fact took %d statements", n)
		}
		rows, _ := h.page(t, audit.Scope{OrganizationID: acme}, audit.Filter{}, nil, 10)
		if len(rows) != 1 {
			t.Fatalf("%d rows", len(rows))
		}
		r := rows[0]
		if ok, err := h.service.Authentic(t.Context(), r.ID); !ok || err != nil {
			t.Errorf("the row's code is not that of the row as it is stored: %v", err)
		}
		if !r.CreatedAt.Equal(h.Clock.Now()) || *r.IPAddress != "203.0.113.7" || *r.UserAgent != "curl/8.0" || *r.RequestID != "request-1" ||
			r.Metadata["method"] != "pwd" || r.Metadata["email"] != "ann@example.com" || r.Actor.Email != "ann@example.com" || !r.Success {
			t.Errorf("the row is %+v", r)
		}
	})
}

func TestARollbackLeavesNoRow(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		boom := errors.New("boom")
		err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := h.Bus.Publish(ctx, tx, events.Fact{Action: "thing.done"}); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) || h.count(t, "audit_entries") != 0 {
			t.Errorf("%v, and %d rows", err, h.count(t, "audit_entries"))
		}
	})
}

func TestAFactThatCannotBeWrittenFailsTheUseCase(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.exec(t, `CREATE TABLE test_effects (id INTEGER)`)
		h.exec(t, `DROP TABLE audit_entries`)
		err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.NewRaw(`INSERT INTO test_effects VALUES (1)`).Exec(ctx); err != nil {
				return err
			}
			return h.Bus.Publish(ctx, tx, events.Fact{Action: "thing.done"})
		})
		if err == nil || h.count(t, "test_effects") != 0 {
			t.Errorf("%v, and %d effects without a row", err, h.count(t, "test_effects"))
		}
	})
}

func TestOddContentIsRecorded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 5000)
	many := map[string]string{"bad\xff": "a\x00b\xfe", "\xff": "one", "\xfe": "two"}
	for i := range 200 {
		many[strings.Repeat("n", i+1)] = strings.Repeat("\x01", 300)
	}
	facts := map[string]events.Fact{
		"nothing at all":  {},
		"long":            {Action: long, ActorID: long, ResourceType: long, ResourceID: long, ErrorType: long, PersonalOf: long, Metadata: map[string]string{long: long}},
		"no text":         {Action: "\xff\x00", ActorID: "\x00", ResourceType: "user", ResourceID: "\xff", ErrorType: "\x00"},
		"metadata":        {Action: "thing.done", Metadata: many},
		"personal":        {Action: "thing.done", Personal: many},
		"quotes":          {Action: `'; DROP TABLE audit_entries; --`, Metadata: map[string]string{`"`: `?`, "?": `\'`}},
		"an odd address":  {Action: "thing.done", Personal: map[string]string{"email": "\xff\x00@" + long}},
		"lone surrogates": {Action: "thing.done", Metadata: map[string]string{"a": "\xed\xa0\x80"}},
	}
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b, func(s *setup) { s.log = slog.New(slog.DiscardHandler) })
		for name, f := range facts {
			t.Run(name, func(t *testing.T) {
				f.OrganizationID = acme
				h.publish(t, f)
				rows, _ := h.page(t, audit.Scope{OrganizationID: acme}, audit.Filter{}, nil, 1)
				r := rows[0]
				if ok, err := h.service.Authentic(t.Context(), r.ID); !ok || err != nil {
					t.Errorf("the code of the row is not right: %v", err)
				}
				if len(r.Action) > 100 || (r.ResourceID != nil && len(*r.ResourceID) > 255) || !utf8.ValidString(r.Action) {
					t.Errorf("texts are not bounded: %+v", r)
				}
				size := 0
				for n, v := range r.Metadata {
					size += len(n) + len(v)
					if !utf8.ValidString(n+v) || strings.Contains(n+v, "\x00") {
						t.Errorf("%q: %q", n, v)
					}
				}
				if size > 8<<10 {
					t.Errorf("%d bytes of metadata", size)
				}
				if cut := name == "long" || name == "metadata" || name == "personal" || name == "an odd address" || name == "lone surrogates"; cut != (r.Metadata["_cut"] == "true") {
					t.Errorf("the mark of what was left out is %q", r.Metadata["_cut"])
				}
			})
		}
	})
}

func TestUndeclaredActionsAreRecordedAndSaidOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := newHouse(t, platformtest.SQLite(t, lines()...), func(s *setup) { s.log = slog.New(slog.NewTextHandler(&log, nil)) })
	h.publish(t, events.Fact{Action: "thing.done"}, events.Fact{Action: "thing.new"}, events.Fact{Action: "thing.new"}, events.Fact{Action: "thing.newer"})
	if n := strings.Count(log.String(), "level=WARN"); n != 2 || !strings.Contains(log.String(), "action=thing.newer") {
		t.Errorf("the log says:\n%s", log.String())
	}
	if n := h.count(t, "audit_entries"); n != 4 {
		t.Errorf("%d rows", n)
	}
}

// Whose personal data it is decides what forgetting somebody forgets.
func TestSubjects(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	email := h.service.SubjectsOf("eve@example.com")[0]
	if strings.Contains(email, "eve") || len(email) != len("email:")+32 || email != h.service.SubjectsOf("EVE@example.com")[0] {
		t.Errorf("the subject of an address is %s", email)
	}
	eve := map[string]string{"email": "Eve@example.com"}
	for name, tc := range map[string]struct {
		fact           events.Fact
		client, detail string
	}{
		"an act":               {events.Fact{ActorID: ann, ResourceType: "user", ResourceID: bob}, "user:" + ann, ""},
		"an act on a person":   {events.Fact{ActorID: ann, Personal: eve, PersonalOf: bob}, "user:" + ann, "user:" + bob},
		"an invitation":        {events.Fact{ActorID: ann, Personal: eve}, "user:" + ann, email},
		"an act with a detail": {events.Fact{ActorID: ann, Personal: map[string]string{"name": "x"}}, "user:" + ann, "user:" + ann},
		"a failed log-in":      {events.Fact{ResourceType: "user", ResourceID: bob, Personal: eve}, "user:" + bob, email},
		"an unknown address":   {events.Fact{ResourceType: "user", Personal: eve}, email, email},
		"nobody":               {events.Fact{ResourceType: "thing", ResourceID: bob}, "entry:", ""},
		"nobody, with details": {events.Fact{Personal: map[string]string{"name": "x"}}, "entry:", "entry:"},
	} {
		tc.fact.Action = "thing.done"
		h.publish(t, tc.fact)
		var got struct{ ID, ClientSubject, DetailSubject string }
		err := h.DB.Read().NewRaw(`SELECT id, client_subject, detail_subject FROM audit_entries ORDER BY rowid DESC LIMIT 1`).Scan(t.Context(), &got)
		if err != nil {
			t.Fatal(err)
		}
		own := func(want string) string {
			if want == "entry:" {
				return want + got.ID
			}
			return want
		}
		if got.ClientSubject != own(tc.client) || got.DetailSubject != own(tc.detail) {
			t.Errorf("%s: %s and %s, want %s and %s", name, got.ClientSubject, got.DetailSubject, tc.client, tc.detail)
		}
	}
}

// A row without personal data belongs to nobody.
func TestWithoutARequestThereIsNoClient(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		return h.Bus.Publish(ctx, tx, events.Fact{Action: "thing.done", ActorID: ann, OrganizationID: acme})
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := h.page(t, audit.Scope{OrganizationID: acme}, audit.Filter{}, nil, 1)
	if r := rows[0]; r.IPAddress != nil || r.UserAgent != nil || r.RequestID != nil {
		t.Errorf("the row is %+v", r)
	}
	var owned int
	if err := h.DB.Read().NewRaw(`SELECT count(client_subject) + count(detail_subject) FROM audit_entries`).Scan(t.Context(), &owned); err != nil || owned != 0 {
		t.Errorf("%d subjects, %v", owned, err)
	}
}

func TestAThousandFactsAreAThousandRows(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		const facts, publishers = 1000, 64
		work := make(chan int, facts)
		for i := range facts {
			work <- i
		}
		close(work)
		var wg sync.WaitGroup
		for range publishers {
			wg.Go(func() {
				for i := range work {
					c := client()
					publish := func() error {
						return h.DB.InTx(authn.WithClient(t.Context(), &c), func(ctx context.Context, tx bun.Tx) error {
							return h.Bus.Publish(ctx, tx, events.Fact{Action: "thing.done", ActorID: ann, OrganizationID: acme, Success: i%2 == 0})
						})
					}
					err := publish()
					for errors.Is(err, apperr.ErrUnavailable) { // a busy machine has clients come again
						err = publish()
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := h.count(t, "audit_entries"); n != facts {
			t.Errorf("%d rows of %d facts", n, facts)
		}
	})
}

// A transaction that has recorded a fact and stays open keeps nobody waiting.
func TestRecordingWaitsForNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.Postgres(t, lines()...))
	done := make(chan error, 1)
	err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		if err := h.Bus.Publish(ctx, tx, events.Fact{Action: "thing.done", ActorID: ann, OrganizationID: acme}); err != nil {
			return err
		}
		go func() {
			done <- h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				if _, err := tx.ExecContext(ctx, "SET LOCAL lock_timeout = '1s'"); err != nil {
					return err
				}
				return h.Bus.Publish(ctx, tx, events.Fact{Action: "thing.done", ActorID: ann, OrganizationID: acme})
			})
		}()
		select {
		case err := <-done:
			return err
		case <-time.After(4 * time.Second):
			return errors.New("the second transaction waits for the first")
		}
	})
	if err != nil {
		t.Error(err)
	}
}
