package httpx_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// The request id, the time and the tokens that tests use.
const (
	fixedID      = "test-request-1"
	goodToken    = "good-token"
	limitedToken = "compliance-token"
	knownThing   = "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30"
	publicURL    = "https://auth.example.org"
	listedOrigin = "https://app.example.org"
)

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// tokens is an Authenticator that knows two tokens.
type tokens struct{}

func (tokens) Authenticate(_ context.Context, token string) (*authn.Principal, error) {
	switch token {
	case goodToken:
		return &authn.Principal{SessionID: "s1", UserID: "u1", Account: authn.Account{Profile: []byte(`{"id":"u1"}`)}}, nil
	case "other-token":
		return &authn.Principal{SessionID: "s3", UserID: "u3"}, nil
	case limitedToken:
		return &authn.Principal{SessionID: "s2", UserID: "u2", ComplianceOnly: true}, nil
	case "expired-token":
		return nil, apperr.ErrSessionInactive
	case "broken-store":
		return nil, apperr.ErrUnavailable.WithRetryAfter(1500 * time.Millisecond).Wrap(errors.New("dial tcp: refused"))
	}
	return nil, apperr.ErrInvalidToken
}

type thing struct {
	ID   string    `json:"id" doc:"Its id"`
	Name string    `json:"name" doc:"Its name"`
	Tags []string  `json:"tags" doc:"Its labels"`
	Made time.Time `json:"made" doc:"When it was made"`
}

type thingData struct {
	Thing thing `json:"thing"`
}

type thingBody struct {
	Name     string                 `json:"name" minLength:"2" maxLength:"10" doc:"Its name"`
	Email    string                 `json:"email" format:"email" doc:"Whose it is"`
	Password secret.String          `json:"password" minLength:"8" maxLength:"128" doc:"A secret"`
	Note     string                 `json:"note,omitempty" format:"multiline" maxLength:"50" doc:"A note"`
	Kind     string                 `json:"kind,omitempty" enum:"big,small" doc:"Its size"`
	Count    int                    `json:"count,omitempty" minimum:"1" maximum:"9" doc:"How many"`
	Loud     bool                   `json:"loud,omitempty" doc:"Whether it is loud"`
	Tags     []string               `json:"tags,omitempty" maxItems:"2" doc:"Labels"`
	Link     string                 `json:"link,omitempty" format:"uri" doc:"A link"`
	Owner    httpx.Optional[string] `json:"owner,omitzero" maxLength:"5" doc:"Its owner"`
	Inner    *inner                 `json:"inner,omitempty" doc:"Something inside"`
}

type inner struct {
	Value string `json:"value" doc:"A value"`
}

type ThingInput struct {
	ID httpx.ID `path:"id" doc:"Its id"`
}

type changeInput struct {
	ThingInput
	httpx.IfMatch
	Body struct {
		Name httpx.Optional[string] `json:"name,omitzero" maxLength:"10" doc:"Its name"`
	}
}

func exampleChange() any {
	name := "stool"
	return struct {
		Name httpx.Optional[string] `json:"name,omitzero"`
	}{httpx.Optional[string]{Set: true, Value: &name}}
}

type createInput struct {
	Body thingBody
}

type listInput struct {
	httpx.PageQuery
	Kind string `query:"kind" enum:"big,small" doc:"Only of that size"`
	Old  bool   `query:"old" doc:"Old ones too"`
}

type things struct {
	Things []thing `json:"things" doc:"This page"`
	Count  int     `json:"count" doc:"How many are on this page"`
}

type position struct {
	Made time.Time `json:"m"`
	ID   string    `json:"i"`
}

// fixture is an API with operations of every kind.
type fixture struct {
	api  *httpx.API
	logs *safeBuffer
	seen chan any
}

// safeBuffer collects log lines of several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newFixture(t testing.TB, change ...func(*httpx.Settings, *httpx.Deps)) *fixture {
	t.Helper()
	f := &fixture{logs: &safeBuffer{}, seen: make(chan any, 8)}
	s := httpx.Settings{PublicURL: publicURL, Version: "1.2.3", CORSOrigins: []string{listedOrigin}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	d := httpx.Deps{
		Log:   slog.New(slog.NewJSONHandler(f.logs, nil)),
		Clock: clock.Func(func() time.Time { return testTime }), Random: rand.Reader, Authenticator: tokens{},
	}
	for _, c := range change {
		c(&s, &d)
	}
	var err error
	if f.api, err = httpx.New(s, d); err != nil {
		t.Fatal(err)
	}
	if err := f.api.Mount(f.operations(), []httpx.Raw{
		{Method: http.MethodGet, Path: "/raw/{name}", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "raw "+r.PathValue("name"))
		})},
	}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) operations() []httpx.Endpoint {
	sample := thing{ID: knownThing, Name: "chair", Made: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("CET", 3600))}
	find := func(id httpx.ID) (thing, error) {
		if id != knownThing {
			return thing{}, apperr.ErrNotFound
		}
		return sample, nil
	}
	example := thingData{Thing: thing{ID: knownThing, Name: "chair", Tags: []string{"oak"}, Made: testTime}}
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "list-things", Method: http.MethodGet, Path: "/api/v1/things", Access: httpx.Public, Summary: "List things", Tag: "Things",
			ResultExample: things{Things: []thing{example.Thing}, Count: 1},
		},
			func(_ context.Context, in *listInput) (*httpx.Reply[things], error) {
				pos, more, err := httpx.DecodeCursor[position](in.Cursor)
				if err != nil {
					return nil, err
				}
				f.note(pos)
				r := httpx.OK(things{Things: []thing{sample}, Count: 1})
				r.Page = &httpx.Page{Limit: in.Limit}
				if !more {
					r.Page.Next, err = httpx.EncodeCursor(position{sample.Made, sample.ID})
				}
				return r, err
			}),
		httpx.Op(httpx.Operation{
			ID: "create-thing", Method: http.MethodPost, Path: "/api/v1/things", Access: httpx.Public, Status: 201, Summary: "Create a thing", Tag: "Things",
			BodyExample: map[string]any{"name": "chair", "email": "a@b.org", "password": "secret-secret"}, ResultExample: example,
		},
			func(_ context.Context, in *createInput) (*httpx.Reply[thingData], error) {
				f.note(in.Body)
				r := httpx.OK(thingData{sample})
				r.Location = "/api/v1/things/" + knownThing
				r.Message = "The thing \"chair\" is made."
				return r, nil
			}),
		httpx.Op(httpx.Operation{ID: "read-thing", Method: http.MethodGet, Path: "/api/v1/things/{id}", Access: httpx.Public, Summary: "Read a thing", Tag: "Things", Errors: []int{404}, ResultExample: example},
			func(_ context.Context, in *ThingInput) (*httpx.Reply[thingData], error) {
				th, err := find(in.ID)
				if err != nil {
					return nil, err
				}
				r := httpx.OK(thingData{th})
				r.ETag = `"v1"`
				return r, nil
			}),
		httpx.Op(httpx.Operation{
			ID: "change-thing", Method: http.MethodPatch, Path: "/api/v1/things/{id}", Summary: "Change a thing", Tag: "Things", Errors: []int{404, 412},
			BodyExample: exampleChange(), ResultExample: example,
		},
			func(_ context.Context, in *changeInput) (*httpx.Reply[thingData], error) {
				th, err := find(in.ID)
				if err != nil {
					return nil, err
				}
				if err := in.Check(`"v1"`); err != nil {
					return nil, err
				}
				f.note(in.Body.Name)
				return httpx.OK(thingData{th}), nil
			}),
		httpx.Op(httpx.Operation{ID: "delete-thing", Method: http.MethodDelete, Path: "/api/v1/things/{id}", Summary: "Delete a thing", Tag: "Things", Errors: []int{404, 412}, ResultExample: httpx.Empty{}},
			func(_ context.Context, in *struct {
				ThingInput
				httpx.IfMatch
			},
			) (*httpx.Reply[httpx.Empty], error) {
				if _, err := find(in.ID); err != nil {
					return nil, err
				}
				return httpx.OK(httpx.Empty{}), in.Check(`"v1"`)
			}),
		httpx.Op(httpx.Operation{ID: "read-me", Method: http.MethodGet, Path: "/api/v1/me", Summary: "Read me", Tag: "Me", ResultExample: meData{User: []byte(`{"id":"u1","name":"Ann","tags":[],"made":"2026-03-04T05:06:07Z"}`)}}, f.me),
		httpx.Op(httpx.Operation{ID: "enroll", Method: http.MethodPost, Path: "/api/v1/enroll", ComplianceOnly: true, Summary: "Enroll", Tag: "Me", ResultExample: httpx.Empty{}}, f.nothing),
		httpx.Op(httpx.Operation{ID: "log-in", Method: http.MethodPost, Path: "/api/v1/login", Access: httpx.Public, Summary: "Log in", Tag: "Me", ResultExample: httpx.Empty{}},
			func(context.Context, *struct{}) (*httpx.Reply[httpx.Empty], error) {
				return &httpx.Reply[httpx.Empty]{SignIn: &authn.IssuedSession{ID: "s1", Token: secret.New(goodToken), AbsoluteExpiresAt: testTime.Add(8 * time.Hour)}}, nil
			}),
		httpx.Op(httpx.Operation{ID: "log-out", Method: http.MethodPost, Path: "/api/v1/logout", ComplianceOnly: true, Summary: "Log out", Tag: "Me", ResultExample: httpx.Empty{}},
			func(context.Context, *struct{}) (*httpx.Reply[httpx.Empty], error) {
				return &httpx.Reply[httpx.Empty]{SignOut: true}, nil
			}),
		httpx.Op(httpx.Operation{ID: "fail", Method: http.MethodGet, Path: "/api/v1/fail/{how}", Access: httpx.Public, Summary: "Fail", Tag: "Failures", ResultExample: httpx.Empty{}}, f.fail),
		httpx.Op(httpx.Operation{ID: "refresh-things", Method: http.MethodPost, Path: "/api/v1/things/refresh", Access: httpx.Public, Summary: "Refresh things", Tag: "Things", ResultExample: httpx.Empty{}}, f.nothing),
	}
}

type meData struct {
	User httpx.RawObject[thing] `json:"user"`
}

func (f *fixture) me(ctx context.Context, _ *struct{}) (*httpx.Reply[meData], error) {
	p, _ := authn.PrincipalFrom(ctx)
	f.note(p)
	return httpx.OK(meData{User: p.Account.Profile}), nil
}

func (f *fixture) nothing(context.Context, *struct{}) (*httpx.Reply[httpx.Empty], error) {
	return httpx.OK(httpx.Empty{}), nil
}

func (f *fixture) fail(ctx context.Context, in *struct {
	How string `path:"how" doc:"How"`
},
) (*httpx.Reply[httpx.Empty], error) {
	switch in.How {
	case "panic":
		panic("secret in a panic")
	case "leak":
		return nil, errors.New("pq: password of root is hunter2")
	case "conflict":
		return nil, apperr.ErrConflict.With("field", "email")
	case "unavailable":
		return nil, apperr.ErrUnavailable.WithRetryAfter(1200 * time.Millisecond).Wrap(errors.New("connection refused"))
	case "step-up":
		return nil, apperr.New(apperr.Unauthenticated, apperr.CodeStepUpRequired, "Prove again who you are.").With("max_age", 300)
	case "bad-details":
		return nil, apperr.ErrConflict.With("oops", make(chan int))
	case "canceled":
		return nil, context.Canceled
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, apperr.ErrNotFound
}

// note keeps what a handler saw, for tests that look.
func (f *fixture) note(v any) {
	select {
	case f.seen <- v:
	default:
	}
}

// call sends one request through the whole API.
func (f *fixture) call(method, target, body string, header ...string) *httptest.ResponseRecorder {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, reader)
	r.RemoteAddr = "192.0.2.7:1234"
	r.Header.Set("X-Request-ID", fixedID)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "-" {
			r.Header.Del(header[i])
		} else {
			r.Header.Add(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	f.api.Handler().ServeHTTP(w, r)
	return w
}

// errorType returns the error type of an envelope, or empty.
func errorType(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var e struct {
		Error struct {
			Type string `json:"type"`
		} `json:"error"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatalf("answer is no JSON: %q", w.Body)
	}
	return e.Error.Type
}

// golden compares a whole answer, status and headers included, with a file.
func golden(t *testing.T, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	var b bytes.Buffer
	_, _ = b.WriteString(w.Result().Status + "\n")
	_ = w.Result().Header.Write(&b)
	_, _ = b.WriteString("\n" + w.Body.String() + "\n")
	platformtest.Golden(t, filepath.Join("testdata", "golden", name+".txt"), bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), []byte("\n")))
}
