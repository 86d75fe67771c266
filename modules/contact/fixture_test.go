package contact_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	migrations "github.com/authy2/backend/migrations/contact"
	"github.com/authy2/backend/modules/contact"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

func lines() []migrate.Line { return []migrate.Line{{Name: contact.Name, FS: migrations.FS}} }

const recipient = "sales@example.com"

// crowd are the users that there are.
type crowd map[string]authn.Person

func (c crowd) PeopleOf(_ context.Context, _ bun.IDB, ids []string) (map[string]authn.Person, error) {
	found := map[string]authn.Person{}
	for _, userID := range ids {
		if p, ok := c[userID]; ok {
			found[userID] = p
		}
	}
	return found, nil
}

// facts remembers what was committed for the audit trail.
type facts struct {
	mu  sync.Mutex
	all []events.Fact
	err error // what hearing a fact fails with
}

func (f *facts) hear(ctx context.Context, _ bun.Tx, fact events.Fact) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	database.AfterCommit(ctx, func(context.Context) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all = append(f.all, fact)
	})
	return f.err
}

// take returns the facts since it was last called.
func (f *facts) take(t testing.TB) []events.Fact {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.all
	f.all = nil
	for _, fact := range all {
		if !slices.Contains(contact.Actions(), fact.Action) || !fact.Success || fact.ActorID != "" {
			t.Errorf("an unexpected fact: %+v", fact)
		}
	}
	return all
}

// house is the module on one backend.
type house struct {
	platformtest.Backend
	*contact.Service

	trap   *platformtest.MailTrap
	people crowd
	facts  *facts
}

// setup is what a test may change before the module is made.
type setup struct {
	config contact.Config
	parts  contact.Parts
}

func newHouse(t testing.TB, b platformtest.Backend, changes ...func(*setup)) *house {
	t.Helper()
	composer, err := mail.NewComposer(mail.Brand{})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Backend: b, trap: platformtest.Outbox(t, b), people: crowd{}, facts: &facts{}}
	s := setup{config: contact.DefaultConfig(), parts: contact.Parts{
		DB: b.DB, People: h.people, Outbox: h.trap, Composer: composer, Clock: b.Clock, IDs: id.Generator{}, Bus: b.Bus,
	}}
	s.config.Recipient = recipient
	for _, change := range changes {
		change(&s)
	}
	h.Service = contact.New(s.config, s.parts)
	b.Bus.Subscribe(b.Jobs, append(h.Subscriptions(), events.On("test.hear_facts", h.facts.hear))...)
	return h
}

// someone is an enquiry that is right.
func someone() contact.NewEnquiry {
	return contact.NewEnquiry{
		Type: contact.TypeDemo, Name: "Carol Developer", Email: "Carol@Example.com", Message: "Could you show us\nyours?", Company: "Acme", Phone: "+49 1",
	}
}

// submit sends an enquiry that must arrive.
func (h *house) submit(t testing.TB, change func(*contact.NewEnquiry)) contact.Receipt {
	t.Helper()
	n := someone()
	change(&n)
	r, err := h.Submit(t.Context(), n)
	if err != nil {
		t.Fatalf("submit: %v", err)
	}
	return r
}

// rows counts the rows of a table.
func (h *house) rows(t testing.TB, table string) int {
	t.Helper()
	n, err := h.DB.Read().NewSelect().Table(table).Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// empty checks that nothing was stored, mailed or recorded.
func (h *house) empty(t testing.TB, when string) {
	t.Helper()
	if n := h.rows(t, "contact_enquiries"); n != 0 {
		t.Errorf("%s there are %d enquiries", when, n)
	}
	if n := h.rows(t, "platform_mails"); n != 0 {
		t.Errorf("%s there are %d mails", when, n)
	}
	if all := h.facts.take(t); len(all) != 0 {
		t.Errorf("%s there are facts: %+v", when, all)
	}
}

// all returns every enquiry that the filter chooses.
func (h *house) all(t testing.TB, f contact.Filter) []contact.Enquiry {
	t.Helper()
	list := []contact.Enquiry{}
	if err := h.Each(t.Context(), f, func(e contact.Enquiry) error { list = append(list, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

// code returns the error type of an error; empty for none.
func code(err error) string {
	if err == nil {
		return ""
	}
	return string(apperr.From(err).Code())
}

// counted is a source of ids that are known beforehand.
type counted struct{ n atomic.Int64 }

func (c *counted) New() string { return fmt.Sprintf("01900000-0000-7000-8000-%012d", c.n.Add(1)) }

// edge is the real edge in front of the module.
type edge struct{ handler http.Handler }

// newEdge returns an edge of the service. limiter may be nil.
func newEdge(t testing.TB, b platformtest.Backend, s *contact.Service, limiter httpx.Limiter, log *slog.Logger) *edge {
	t.Helper()
	keys, err := crypto.ParseKeyring(secret.New("test:" + strings.Repeat("5a", 32)))
	if err != nil {
		t.Fatal(err)
	}
	deps := httpx.Deps{
		Log: log, Clock: b.Clock, Random: rand.Reader, Authenticator: authn.NoAuthenticator{}, Limiter: limiter,
		Answers: httpx.NewAnswers(b.DB, b.Store, keys, b.Clock, rand.Reader, log),
	}
	api, err := httpx.New(httpx.Settings{PublicURL: "https://id.example.com", Version: "test"}, deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Mount(s.Endpoints(), nil); err != nil {
		t.Fatal(err)
	}
	return &edge{api.Handler()}
}

// site is the module behind the real edge, without limits, at a known time.
type site struct {
	*house
	*edge
}

func newSite(t testing.TB, b platformtest.Backend, changes ...func(*setup)) *site {
	t.Helper()
	b.Clock.Set(time.Date(2031, time.January, 1, 0, 0, 0, 123456000, time.UTC))
	h := newHouse(t, b, append([]func(*setup){func(s *setup) { s.parts.IDs = &counted{} }}, changes...)...)
	return &site{h, newEdge(t, b, h.Service, nil, b.Log)}
}

// post sends a body and returns the answer.
func (e *edge) post(ctx context.Context, t testing.TB, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v1/contact", strings.NewReader(body))
	req.RemoteAddr = "203.0.113.7:4711"
	req.Header.Set("X-Request-ID", "request-1")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, req)
	got, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(got), w.Header()
}
