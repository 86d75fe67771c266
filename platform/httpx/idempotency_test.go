package httpx_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// onceFixture is an API whose operations leave rows behind.
type onceFixture struct {
	*fixture
	b       platformtest.Backend
	answers *httpx.Answers
	// entered and leave hold back the handler of {"name":"wait"}.
	entered, leave chan struct{}
}

const aKey = "7c1e-a-key-of-the-client"

func newOnce(t *testing.T, b platformtest.Backend, store cache.Store, change ...func(*httpx.Settings, *httpx.Deps)) *onceFixture {
	t.Helper()
	keys, err := crypto.ParseKeyring(secret.New(strings.Repeat("ab", 32)))
	if err != nil {
		t.Fatal(err)
	}
	o := &onceFixture{b: b, entered: make(chan struct{}, 64), leave: make(chan struct{})}
	o.answers = httpx.NewAnswers(b.DB, store, keys, b.Clock, rand.Reader, b.Log)
	o.fixture = newFixture(t, append(change, func(_ *httpx.Settings, d *httpx.Deps) { d.Clock, d.Answers = b.Clock, o.answers })...)
	if _, err := b.DB.Writer().Exec("CREATE TABLE effects (name TEXT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	type body struct {
		Body struct {
			Name string `json:"name" doc:"What to do"`
		}
	}
	op := func(id, path string, access httpx.Access) httpx.Endpoint {
		return httpx.Op(httpx.Operation{ID: id, Method: http.MethodPost, Path: path, Access: access, Status: 201, Idempotent: true, Summary: "Leave a row", Tag: "Once", ResultExample: httpx.Empty{}},
			func(ctx context.Context, in *body) (*httpx.Reply[httpx.Empty], error) {
				return o.work(ctx, in.Body.Name)
			})
	}
	if err := o.api.Mount([]httpx.Endpoint{
		op("leave-row", "/api/v1/rows", httpx.Public), op("leave-own-row", "/api/v1/own-rows", httpx.SignedIn),
	}, nil); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *onceFixture) work(ctx context.Context, name string) (*httpx.Reply[httpx.Empty], error) {
	leave := func(row string, then error) error {
		return o.b.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.ExecContext(ctx, "INSERT INTO effects (name) VALUES (?)", row); err != nil {
				return err
			}
			return then
		})
	}
	if name == "wait" {
		o.entered <- struct{}{}
		<-o.leave
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	var then error
	if name == "refuse" {
		then = apperr.ErrConflict
	}
	if err := leave(name, then); err != nil {
		if name == "refuse" {
			if recorded := leave("refusal", nil); recorded != nil {
				return nil, recorded
			}
		}
		return nil, err
	}
	switch name {
	case "limited":
		return nil, apperr.ErrRateLimited.WithRetryAfter(time.Second)
	case "broken":
		return nil, errors.New("disk on fire")
	case "panic":
		panic("on fire")
	}
	return &httpx.Reply[httpx.Empty]{
		Location: "/api/v1/rows/1", ETag: `"r1"`,
		SignIn: &authn.IssuedSession{Token: secret.New("a-very-secret-token"), AbsoluteExpiresAt: o.b.Clock.Now().Add(time.Hour)},
	}, nil
}

func (o *onceFixture) post(path, name string, header ...string) *httptest.ResponseRecorder {
	return o.call("POST", path, fmt.Sprintf(`{"name":%q}`, name), header...)
}

// rows counts the rows of a name, or all.
func (o *onceFixture) rows(t *testing.T, name string) int {
	t.Helper()
	n := 0
	if err := o.b.DB.Read().NewRaw("SELECT count(*) FROM effects WHERE name = ? OR ? = ''", name, name).Scan(t.Context(), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func onBoth(t *testing.T, fn func(t *testing.T, o *onceFixture)) {
	t.Helper()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) { fn(t, newOnce(t, b, b.Store)) })
}

func TestReplayRepeatsTheAnswer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *onceFixture) {
		first := o.post("/api/v1/rows", "one", "Idempotency-Key", aKey)
		again := o.post("/api/v1/rows", "one", "Idempotency-Key", aKey, "X-Request-ID", "-", "X-Request-ID", "second")
		if first.Code != 201 || again.Code != 201 || first.Body.String() != again.Body.String() {
			t.Fatalf("first %d %s\nagain %d %s", first.Code, first.Body, again.Code, again.Body)
		}
		for _, name := range []string{"Location", "Etag", "Set-Cookie", "Content-Type"} {
			if got, want := again.Header().Get(name), first.Header().Get(name); got != want || want == "" {
				t.Errorf("%s = %q, first %q", name, got, want)
			}
		}
		if again.Header().Get("X-Request-Id") != "second" || again.Header().Get("Idempotency-Replayed") != "true" || first.Header().Get("Idempotency-Replayed") != "" {
			t.Errorf("headers of the replay: %v", again.Header())
		}
		if n := o.rows(t, ""); n != 1 {
			t.Errorf("%d effects, want 1", n)
		}
		foreign := o.post("/api/v1/rows", "one", "Idempotency-Key", aKey, "Origin", "https://evil.example")
		if foreign.Code != 201 || foreign.Header().Get("Set-Cookie") != "" {
			t.Errorf("a replay to a foreign page: %d, cookie %q", foreign.Code, foreign.Header().Get("Set-Cookie"))
		}
	})
}

func TestKeyMeansOneRequest(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *onceFixture) {
		o.post("/api/v1/rows", "one", "Idempotency-Key", aKey)
		other := o.post("/api/v1/rows", "two", "Idempotency-Key", aKey)
		if other.Code != 409 || errorType(t, other) != "IDEMPOTENCY_CONFLICT" || other.Header().Get("Retry-After") != "" {
			t.Errorf("another body: %d %s", other.Code, other.Body)
		}
		for name, w := range map[string]*httptest.ResponseRecorder{
			"another path": o.post("/api/v1/own-rows", "one", "Idempotency-Key", aKey, "Authorization", "Bearer good-token"),
			"another user": o.post("/api/v1/own-rows", "one", "Idempotency-Key", aKey, "Authorization", "Bearer other-token"),
			"another key":  o.post("/api/v1/rows", "one", "Idempotency-Key", aKey+"2"),
			"no key":       o.post("/api/v1/rows", "one"),
		} {
			if w.Code != 201 || w.Header().Get("Idempotency-Replayed") != "" {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
		if n := o.rows(t, "one"); n != 5 {
			t.Errorf("%d effects, want 5", n)
		}
	})
}

func TestKeySyntax(t *testing.T) {
	t.Parallel()
	o := newOnceOnSQLite(t)
	for _, header := range [][]string{
		{"Idempotency-Key", ""},
		{"Idempotency-Key", "a b"},
		{"Idempotency-Key", "é"},
		{"Idempotency-Key", strings.Repeat("k", 256)},
		{"Idempotency-Key", "a", "Idempotency-Key", "b"},
	} {
		w := o.post("/api/v1/rows", "one", header...)
		if w.Code != 400 || errorType(t, w) != "VALIDATION_ERROR" || !strings.Contains(w.Body.String(), `"Idempotency-Key":[`) {
			t.Errorf("%q: %d %s", header, w.Code, w.Body)
		}
	}
	if w := o.post("/api/v1/rows", "one", "Idempotency-Key", strings.Repeat("k", 255)); w.Code != 201 {
		t.Errorf("255 characters: %d", w.Code)
	}
	if n := o.rows(t, ""); n != 1 {
		t.Errorf("%d effects, want 1", n)
	}
}

func newOnceOnSQLite(t *testing.T) *onceFixture {
	t.Helper()
	b := platformtest.SQLite(t)
	return newOnce(t, b, b.Store)
}

// TestWhatIsKept: refusals by the handler are kept with what it recorded of them; an
// outage, a limit and a panic are not, and the effect before them is undone.
func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *onceFixture) {
		for name, want := range map[string]struct {
			status, rows, recorded int
			replayed               string
		}{
			"refuse":  {409, 0, 1, "true"},
			"limited": {429, 2, 0, ""},
			"broken":  {500, 0, 0, ""},
			"panic":   {500, 0, 0, ""},
		} {
			key := "key-of-" + name
			first := o.post("/api/v1/rows", name, "Idempotency-Key", key)
			again := o.post("/api/v1/rows", name, "Idempotency-Key", key)
			if first.Code != want.status || again.Code != want.status || again.Header().Get("Idempotency-Replayed") != want.replayed {
				t.Errorf("%s: %d, then %d %v", name, first.Code, again.Code, again.Header())
			}
			if n := o.rows(t, name); n != want.rows {
				t.Errorf("%s: %d effects, want %d", name, n, want.rows)
			}
			if want.recorded > 0 && o.rows(t, "refusal") != want.recorded {
				t.Errorf("%s: %d refusals recorded, want %d", name, o.rows(t, "refusal"), want.recorded)
			}
		}
	})
}

func TestStillRunning(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *onceFixture) {
		first := make(chan *httptest.ResponseRecorder)
		go func() { first <- o.post("/api/v1/rows", "wait", "Idempotency-Key", aKey) }()
		<-o.entered
		w := o.post("/api/v1/rows", "wait", "Idempotency-Key", aKey)
		if w.Code != 409 || errorType(t, w) != "IDEMPOTENCY_CONFLICT" || w.Header().Get("Retry-After") != "1" {
			t.Errorf("while it runs: %d %s %v", w.Code, w.Body, w.Header())
		}
		close(o.leave)
		if w := <-first; w.Code != 201 {
			t.Errorf("the first: %d %s", w.Code, w.Body)
		}
		if w := o.post("/api/v1/rows", "wait", "Idempotency-Key", aKey); w.Code != 201 || w.Header().Get("Idempotency-Replayed") != "true" {
			t.Errorf("afterwards: %d %s", w.Code, w.Body)
		}
	})
}

// brokenStore is a store that is out of reach.
type brokenStore struct{ cache.Store }

func (brokenStore) SetIfAbsent(context.Context, string, []byte, time.Duration) (bool, error) {
	return false, cache.ErrUnavailable
}

// TestRace: of N callers at one instant exactly one has an effect, and every other one
// gets its answer or is asked to come back; with the marks, and without them.
func TestRace(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(platformtest.Backend) cache.Store{
		"with marks":    func(b platformtest.Backend) cache.Store { return b.Store },
		"without marks": func(platformtest.Backend) cache.Store { return brokenStore{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
				o := newOnce(t, b, store(b))
				for round := range 5 {
					raceOnce(t, o, fmt.Sprintf("round-%d", round))
				}
			})
		})
	}
}

func raceOnce(t *testing.T, o *onceFixture, key string) {
	t.Helper()
	const callers = 16
	var start, done sync.WaitGroup
	start.Add(1)
	got := make([]*httptest.ResponseRecorder, callers)
	for i := range got {
		done.Go(func() {
			start.Wait()
			got[i] = o.post("/api/v1/rows", key, "Idempotency-Key", key)
		})
	}
	start.Done()
	done.Wait()
	var body []byte
	for _, w := range got {
		switch {
		case w.Code == 201 && body == nil:
			body = w.Body.Bytes()
		case w.Code == 201 && bytes.Equal(body, w.Body.Bytes()):
		case w.Code == 409 && w.Header().Get("Retry-After") != "":
		default:
			t.Errorf("%s: %d %s", key, w.Code, w.Body)
		}
	}
	if n := o.rows(t, key); n != 1 {
		t.Errorf("%s: %d effects, want 1", key, n)
	}
}

func TestAnswersAreSealedAndEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o *onceFixture) {
		o.post("/api/v1/rows", "one", "Idempotency-Key", aKey)
		var rows []struct{ Scope, Fingerprint, Answer []byte }
		if err := o.b.DB.Read().NewRaw("SELECT scope, fingerprint, answer FROM platform_idempotency").Scan(t.Context(), &rows); err != nil {
			t.Fatal(err)
		}
		if len(rows) != 1 {
			t.Fatalf("%d rows, want 1", len(rows))
		}
		all := bytes.Join([][]byte{rows[0].Scope, rows[0].Fingerprint, rows[0].Answer}, nil)
		for _, clear := range []string{"a-very-secret-token", "one", "request_id", aKey} {
			if bytes.Contains(all, []byte(clear)) {
				t.Errorf("%q is at rest in clear", clear)
			}
		}
		if n, err := o.answers.Prune(t.Context()); n != 0 || err != nil {
			t.Errorf("Prune = %d, %v; want 0", n, err)
		}
		o.b.Clock.Advance(24*time.Hour + time.Second)
		if w := o.post("/api/v1/rows", "two", "Idempotency-Key", aKey); w.Code != 201 || w.Header().Get("Idempotency-Replayed") != "" {
			t.Errorf("a day later: %d %s", w.Code, w.Body)
		}
		o.b.Clock.Advance(25 * time.Hour)
		if n, err := o.answers.Prune(t.Context()); n != 1 || err != nil {
			t.Errorf("Prune = %d, %v; want 1", n, err)
		}
	})
}
