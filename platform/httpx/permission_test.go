package httpx_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
)

// gate is an API whose operations need a permission, and what it was told of refusals.
type gate struct {
	*onceFixture
	mu     sync.Mutex
	denied []string
}

type gateInput struct {
	Body struct {
		Name string `json:"name" doc:"How it goes"`
	}
}

func newGate(t *testing.T, b platformtest.Backend) *gate {
	t.Helper()
	g := &gate{}
	g.onceFixture = newOnce(t, b, b.Store, func(_ *httpx.Settings, d *httpx.Deps) { d.Denied = g.note })
	need := func(id, path string, idempotent bool) httpx.Endpoint {
		return httpx.Op(httpx.Operation{
			ID: id, Method: http.MethodPost, Path: path, Idempotent: idempotent, Permission: authn.PermissionMembersManage,
			Summary: "Do it", Tag: "Gate", BodyExample: map[string]any{"name": "granted"}, ResultExample: httpx.Empty{},
		}, func(ctx context.Context, in *gateInput) (*httpx.Reply[httpx.Empty], error) {
			return g.act(ctx, in.Body.Name)
		})
	}
	if err := g.api.Mount([]httpx.Endpoint{
		need("do-it", "/api/v1/gate", false), need("do-it-once", "/api/v1/gate/once", true),
		httpx.Op(httpx.Operation{ID: "free", Method: http.MethodPost, Path: "/api/v1/free", Summary: "Refuse", Tag: "Gate", ResultExample: httpx.Empty{}},
			func(context.Context, *struct{}) (*httpx.Reply[httpx.Empty], error) {
				return nil, apperr.ErrAuthorization
			}),
	}, nil); err != nil {
		t.Fatal(err)
	}
	return g
}

// note is told of a refusal. It writes, which it could not inside the handler's transaction.
func (g *gate) note(ctx context.Context, operation string, demand *authn.Demand, refusal *apperr.Error) {
	p, _ := authn.PrincipalFrom(ctx)
	err := g.b.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO effects (name) VALUES ('denied')")
		return err
	})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.denied = append(g.denied, fmt.Sprint(operation, " ", p.UserID, " ", demand.Need(), " ", demand.Organization(), " ", refusal.Code(), " ",
		authn.ClientFrom(ctx).RequestID, " ", database.InTransaction(ctx), " ", err))
}

func (g *gate) told() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.denied)
}

func (g *gate) act(ctx context.Context, how string) (*httpx.Reply[httpx.Empty], error) {
	demand := authn.DemandFrom(ctx)
	err := g.b.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		switch how {
		case "granted":
			demand.Met("o1", authn.PermissionMembersManage)
		case "another":
			demand.Met("o1", authn.PermissionInvitesRead)
		case "member":
			demand.Denied("o1")
			return apperr.ErrAuthorization.Wrap(errors.New("role guest"))
		case "above":
			demand.Met("o1", authn.PermissionMembersManage)
			return apperr.ErrAuthorization.WithMessage("They stand above you.")
		case "stranger":
			return apperr.ErrNotFound
		case "compliance":
			return apperr.New(apperr.Forbidden, apperr.CodeMFAComplianceNeeded, "Enroll.")
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO effects (name) VALUES (?)", how)
		return err
	})
	return httpx.OK(httpx.Empty{}), err
}

// TestPermission: a success without a judgement is a fault of ours, and whom the
// permission was refused is told of once, after the transaction, however it was called.
func TestPermission(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		g := newGate(t, b)
		for how, want := range map[string]struct {
			status int
			code   string
			denied bool
		}{
			"granted":    {200, "", false},
			"another":    {500, "INTERNAL_ERROR", false},
			"forgotten":  {500, "INTERNAL_ERROR", false},
			"member":     {403, "AUTHORIZATION_ERROR", true},
			"above":      {403, "AUTHORIZATION_ERROR", true},
			"stranger":   {404, "NOT_FOUND", false},
			"compliance": {403, "MFA_COMPLIANCE_REQUIRED", false},
		} {
			for _, call := range []struct {
				operation string
				header    []string
				again     bool
			}{
				{"do-it", nil, false},
				{"do-it-once", nil, false},
				{"do-it-once", []string{"Idempotency-Key", how}, false},
				{"do-it-once", []string{"Idempotency-Key", how}, true},
			} {
				before := len(g.told())
				path := map[string]string{"do-it": "/api/v1/gate", "do-it-once": "/api/v1/gate/once"}[call.operation]
				w := g.post(path, how, append([]string{"Authorization", "Bearer good-token"}, call.header...)...)
				if w.Code != want.status || errorType(t, w) != want.code {
					t.Errorf("%s, %s %v: %d %s", how, call.operation, call.header, w.Code, w.Body)
				}
				replayed := w.Header().Get("Idempotency-Replayed") == "true"
				if call.again && want.status < 500 && !replayed {
					t.Errorf("%s: the second call is no replay: %d %s", how, w.Code, w.Body)
				}
				var expected []string
				if want.denied && !replayed {
					expected = []string{call.operation + " u1 members:manage o1 AUTHORIZATION_ERROR " + fixedID + " false <nil>"}
				}
				if got := g.told()[before:]; !slices.Equal(got, expected) {
					t.Errorf("%s, %s %v: told %q, want %q", how, call.operation, call.header, got, expected)
				}
			}
		}
	})
}

// TestUnjudgedKeepsNothing: with an Idempotency-Key the effect of a success that nobody
// judged is undone.
func TestUnjudgedKeepsNothing(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		g := newGate(t, b)
		w := g.post("/api/v1/gate/once", "forgotten", "Authorization", "Bearer good-token", "Idempotency-Key", aKey)
		if n := g.rows(t, ""); w.Code != 500 || n != 0 {
			t.Errorf("%d, %d effects", w.Code, n)
		}
		lines := g.lines(t, "request failed")
		if len(lines) != 1 || lines[0]["level"] != "ERROR" || !strings.Contains(fmt.Sprint(lines[0]["error"]), "operation do-it-once ") {
			t.Errorf("the log does not name the operation: %v", lines)
		}
	})
}

// TestOtherRefusalsAreNotDenials: what is refused before the handler, or by an operation
// without a permission, is about something else.
func TestOtherRefusalsAreNotDenials(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	g := newGate(t, b)
	for name, tc := range map[string]struct {
		path, token, cookie string
		status              int
	}{
		"no permission declared": {"/api/v1/free", goodToken, "", 403},
		"compliance":             {"/api/v1/gate", limitedToken, "", 403},
		"a foreign page":         {"/api/v1/gate", "", secureCookie, 403},
		"nobody":                 {"/api/v1/gate", "", "", 401},
	} {
		header := []string{"Authorization", "Bearer " + tc.token}
		if tc.token == "" {
			header = []string{"Cookie", tc.cookie}
		}
		body := `{"name":"member"}`
		if tc.path == "/api/v1/free" {
			body = ""
		}
		if w := g.call("POST", tc.path, body, header...); w.Code != tc.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if got := g.told(); len(got) != 0 {
		t.Errorf("told %q", got)
	}
}

// TestDocumentOfPermissions: the document names the permission, and what it implies.
func TestDocumentOfPermissions(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	g := newGate(t, b)
	raw, err := g.api.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Permission string                     `json:"x-permission"`
			Responses  map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	o := doc.Paths["/api/v1/gate"]["post"]
	if o.Permission != "members:manage" || o.Responses["403"] == nil || o.Responses["404"] == nil {
		t.Errorf("%+v", o)
	}
	if free := doc.Paths["/api/v1/free"]["post"]; free.Permission != "" || free.Responses["404"] != nil {
		t.Errorf("%+v", free)
	}
	if page := g.call("GET", "/api/docs", "").Body.String(); !strings.Contains(page, "the permission members:manage in the organization") {
		t.Error("the page does not name the permission")
	}
}
