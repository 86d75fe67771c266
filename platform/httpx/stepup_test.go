package httpx_test

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// proofs is an Authenticator whose tokens say how old a proof is, of which kind, and
// whether the user has a second factor: "299s pwd", "0s otp second".
type proofs struct{}

func (proofs) Authenticate(_ context.Context, token string) (*authn.Principal, error) {
	parts := strings.Split(token, "_")
	age, err := time.ParseDuration(parts[0])
	if err != nil {
		return nil, apperr.ErrInvalidToken
	}
	return &authn.Principal{
		SessionID: "s", UserID: "u", AuthMethods: strings.Split(parts[1], "+"), AuthenticatedAt: testTime.Add(-age),
		FreshFor: 5 * time.Minute, Account: authn.Account{SecondFactor: len(parts) > 2},
	}, nil
}

type passwordInput struct {
	Body struct {
		Current string `json:"current_password,omitzero" doc:"The password"`
	}
}

// newVault is an API with an operation of each demand; entered counts calls of handlers.
func newVault(t *testing.T, change ...func(*httpx.Settings, *httpx.Deps)) (f *fixture, entered *int) {
	t.Helper()
	entered = new(int)
	f = newFixture(t, append([]func(*httpx.Settings, *httpx.Deps){func(_ *httpx.Settings, d *httpx.Deps) { d.Authenticator = proofs{} }}, change...)...)
	enter := func(ctx context.Context) (*httpx.Reply[httpx.Empty], error) {
		*entered++
		if media := httpx.Accepted(ctx); media != "" {
			return &httpx.Reply[httpx.Empty]{Stream: &httpx.Stream{Media: media, Filename: "all.csv", Write: func(_ context.Context, w io.Writer) error {
				_, err := io.WriteString(w, "all\n")
				return err
			}}}, nil
		}
		return httpx.OK(httpx.Empty{}), nil
	}
	plain := func(ctx context.Context, _ *struct{}) (*httpx.Reply[httpx.Empty], error) { return enter(ctx) }
	err := f.api.Mount([]httpx.Endpoint{
		httpx.Op(httpx.Operation{ID: "read-vault", Method: http.MethodGet, Path: "/api/v1/vault", StepUp: httpx.StepUpNeeded, Summary: "Read", Tag: "Vault", ResultExample: httpx.Empty{}}, plain),
		httpx.Op(httpx.Operation{ID: "open-vault", Method: http.MethodPost, Path: "/api/v1/vault", StepUp: httpx.StepUpNeeded, Idempotent: true, Summary: "Open", Tag: "Vault", ResultExample: httpx.Empty{}}, plain),
		httpx.Op(httpx.Operation{ID: "list-vault", Method: http.MethodGet, Path: "/api/v1/vault/list", StepUp: httpx.StepUpForStreams, Streams: []string{"text/csv"}, Summary: "List", Tag: "Vault", ResultExample: httpx.Empty{}}, plain),
		httpx.Op(httpx.Operation{ID: "drop-vault", Method: http.MethodDelete, Path: "/api/v1/vault", StepUp: httpx.StepUpOrPassword, Summary: "Drop", Tag: "Vault", BodyExample: map[string]any{"current_password": "secret"}, ResultExample: httpx.Empty{}},
			func(ctx context.Context, _ *passwordInput) (*httpx.Reply[httpx.Empty], error) { return enter(ctx) }),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f, entered
}

const (
	askPassword = `Bearer error="insufficient_user_authentication", max_age=300`
	askFactor   = `Bearer error="insufficient_user_authentication", max_age=300, acr_values="mfa"`
)

func TestStepUp(t *testing.T) {
	t.Parallel()
	cases := []struct {
		token                           string
		needed, orPassword, streams, as string
	}{
		// The last column is the kind of proof that is asked for.
		{"0s_pwd", "in", "in", "in", ""},
		{"300s_pwd", "in", "in", "in", ""},
		{"300001ms_pwd", "out", "in", "out", askPassword},
		{"8h_pwd", "out", "in", "out", askPassword},
		{"8h_pwd+otp", "out", "in", "out", askPassword},
		{"0s_pwd_second", "out", "out", "out", askFactor},
		{"300001ms_pwd+otp_second", "out", "out", "out", askFactor},
		{"300s_pwd+otp_second", "in", "in", "in", ""},
		{"1s_hwk_second", "in", "in", "in", ""},
		{"1s_pwd+recovery_second", "in", "in", "in", ""},
		{"1s_fed_second", "out", "out", "out", askFactor},
	}
	for _, c := range cases {
		t.Run(c.token, func(t *testing.T) {
			t.Parallel()
			f, entered := newVault(t)
			for _, way := range []struct {
				method, path, body, want string
				header                   []string
			}{
				{"GET", "/api/v1/vault", "", c.needed, nil},
				{"HEAD", "/api/v1/vault", "", c.needed, nil},
				{"POST", "/api/v1/vault", "", c.needed, nil},
				{"POST", "/api/v1/vault", `{"broken`, c.needed, nil}, // judged before the body is
				{"GET", "/api/v1/vault/list", "", "in", nil},
				{"GET", "/api/v1/vault/list", "", c.streams, []string{"Accept", "text/csv"}},
				{"HEAD", "/api/v1/vault/list", "", c.streams, []string{"Accept", "text/csv"}},
				{"DELETE", "/api/v1/vault", `{"current_password":"secret"}`, c.orPassword, nil},
			} {
				for _, credential := range [][]string{{"Authorization", "Bearer " + c.token}, {"Cookie", "__Host-authy2_session=" + c.token, "Origin", publicURL}} {
					before := *entered
					w := f.call(way.method, way.path, way.body, append(credential, way.header...)...)
					what := strings.Join(append([]string{way.method, way.path, credential[0]}, way.header...), " ")
					if way.want == "in" {
						if w.Code == http.StatusUnauthorized || (way.body != `{"broken` && *entered != before+1) {
							t.Errorf("%s: %d %s", what, w.Code, w.Body)
						}
						continue
					}
					if w.Code != http.StatusUnauthorized || *entered != before || w.Header().Get("WWW-Authenticate") != c.as {
						t.Errorf("%s: %d, WWW-Authenticate %q, want %q", what, w.Code, w.Header().Get("WWW-Authenticate"), c.as)
					}
				}
			}
		})
	}
}

// The whole answers.
func TestStepUpAnswer(t *testing.T) {
	t.Parallel()
	f, _ := newVault(t)
	golden(t, "step_up_password", f.call("POST", "/api/v1/vault", "", "Authorization", "Bearer 301s_pwd"))
	golden(t, "step_up_factor", f.call("POST", "/api/v1/vault", "", "Authorization", "Bearer 1s_pwd_second"))
	golden(t, "step_up_problem", f.call("POST", "/api/v1/vault", "", "Authorization", "Bearer 1s_pwd_second", "Accept", "application/problem+json"))
}

// A kept answer is not repeated to a session whose proof grew old.
func TestStepUpComesBeforeReplay(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		keys, err := crypto.ParseKeyring(secret.New(strings.Repeat("ab", 32)))
		if err != nil {
			t.Fatal(err)
		}
		f, entered := newVault(t, func(_ *httpx.Settings, d *httpx.Deps) {
			d.Answers = httpx.NewAnswers(b.DB, b.Store, keys, b.Clock, rand.Reader, b.Log)
		})
		first := f.call("POST", "/api/v1/vault", "", "Authorization", "Bearer 1s_pwd", "Idempotency-Key", aKey)
		again := f.call("POST", "/api/v1/vault", "", "Authorization", "Bearer 1s_pwd", "Idempotency-Key", aKey)
		if first.Code != http.StatusOK || again.Header().Get("Idempotency-Replayed") != "true" || *entered != 1 {
			t.Fatalf("%d %s, %v, %d calls", first.Code, first.Body, again.Header(), *entered)
		}
		old := f.call("POST", "/api/v1/vault", "", "Authorization", "Bearer 301s_pwd", "Idempotency-Key", aKey)
		if old.Code != http.StatusUnauthorized || old.Header().Get("Idempotency-Replayed") != "" || errorType(t, old) != "STEP_UP_REQUIRED" {
			t.Errorf("%d %v %s", old.Code, old.Header(), old.Body)
		}
	})
}

func TestStepUpThatCannotBeMounted(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context, *struct{}) (*httpx.Reply[httpx.Empty], error) {
		return httpx.OK(httpx.Empty{}), nil
	}
	for name, op := range map[string]httpx.Operation{
		"for anybody":           {StepUp: httpx.StepUpNeeded, Access: httpx.Public},
		"for maybe somebody":    {StepUp: httpx.StepUpNeeded, Access: httpx.MaybeSignedIn},
		"for no stream":         {StepUp: httpx.StepUpForStreams},
		"for a password nobody": {StepUp: httpx.StepUpOrPassword},
	} {
		op.ID, op.Method, op.Path, op.Summary, op.Tag = "wrong", "POST", "/api/v1/wrong", "Wrong", "Vault"
		if err := newFixture(t).api.Mount([]httpx.Endpoint{httpx.Op(op, nothing)}, nil); err == nil || !strings.Contains(err.Error(), op.Path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStepUpIsDocumented(t *testing.T) {
	t.Parallel()
	f, _ := newVault(t)
	spec, err := f.api.Document()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"x-step-up": "recent"`, `"x-step-up": "recent-or-password"`, `"x-step-up": "recent-for-streams"`,
		`"$ref": "#/components/responses/StepUp401"`, `"type": "STEP_UP_REQUIRED"`, `"max_age": 300`,
	} {
		if !strings.Contains(string(spec), want) {
			t.Errorf("the document lacks %s", want)
		}
	}
}
