package platformtest_test

import (
	"context"
	"net/http"
	"testing"
	"testing/fstest"

	"go.uber.org/fx"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/platformtest"
)

// TestContract is not parallel, as the contract asks.
func TestContract(t *testing.T) { //nolint:paralleltest // it counts goroutines
	type note struct {
		Text string `json:"text" doc:"The note."`
	}
	m := kernel.Define(kernel.Module{
		Name: "notes", Doc: "Keeps notes.", Requires: []string{"people"},
		Migrations: fstest.MapFS{
			"20260101000000_notes.tx.up.sql":   {Data: []byte("CREATE TABLE notes_notes (id {{.UUID}} PRIMARY KEY)")},
			"20260101000000_notes.tx.down.sql": {Data: []byte("DROP TABLE notes_notes")},
		},
	}, func() kernel.NoConfig { return kernel.NoConfig{} }, func(kernel.NoConfig, kernel.Features) fx.Option {
		return kernel.Contribute(func() kernel.Contribution {
			read := func(context.Context, *struct{}) (*httpx.Reply[note], error) { return httpx.OK(note{}), nil }
			return kernel.Contribution{Module: "notes", Endpoints: []httpx.Endpoint{
				httpx.Op(httpx.Operation{
					ID: "get-note", Method: http.MethodGet, Path: "/api/v1/notes", Summary: "Read a note", Tag: "notes", ResultExample: note{Text: "hello"},
				}, read),
				httpx.Op(httpx.Operation{
					ID: "get-shared-note", Method: http.MethodGet, Path: "/api/v1/notes/shared", Permission: authn.PermissionOrganizationRead,
					Summary: "Read a note of an organization", Tag: "notes", ResultExample: note{Text: "hello"},
				}, read),
			}}
		})
	})
	platformtest.Contract(t, m, platformtest.AnyToken())
}
