package audit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/id"
)

// tag groups the operations of this module in the document.
const tag = "Audit"

// errNoPrincipal means that an operation that needs a session was mounted without one.
var errNoPrincipal = errors.New("audit: no principal")

// handler is the HTTP side of the service.
type handler struct{ service *Service }

// how says what the operations have in common.
const how = "Newest first. Rows match every filter that is given. With `Accept: text/csv` or `application/x-ndjson` every row that " +
	"matches is streamed, whatever `limit` and `cursor` say; cells that a spreadsheet would compute begin with an apostrophe. " +
	"Such an export leaves a row itself. What described a person who was forgotten is null."

// endpoints declares every operation.
func (h handler) endpoints() []httpx.Endpoint {
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "list-organization-audit-logs", Method: http.MethodGet, Path: "/api/v1/organizations/{id}/audit-logs",
			Permission: authn.PermissionAuditRead, Streams: streams(), StreamExamples: exampleStreams(), StepUp: httpx.StepUpForStreams, Errors: []int{http.StatusNotFound},
			Summary: "The organization's audit trail", Tag: tag,
			Description:   "Lists what was done in the organization; what its members do elsewhere is not part of it. " + how,
			ResultExample: exampleTrail(),
		}, h.organization),
		httpx.Op(httpx.Operation{
			ID: "list-user-audit-logs", Method: http.MethodGet, Path: "/api/v1/users/me/audit-logs",
			Streams: streams(), StreamExamples: exampleStreams(), StepUp: httpx.StepUpForStreams,
			Summary: "Your audit trail", Tag: tag,
			Description: "Lists what the signed-in user did, and what was done to their account. Addresses and user agents of other people " +
				"are not shown. " + how,
			ResultExample: exampleTrail(),
		}, h.own),
	}
}

func streams() []string { return []string{mediaCSV, mediaJSONL} }

// Trail is a page of the trail.
type Trail struct {
	Rows  []Row `json:"audit_logs"`
	Count int   `json:"count" doc:"How many rows this page holds."`
}

// readInput is what a user's own trail is asked with.
type readInput struct {
	httpx.PageQuery
	FilterQuery
}

type organizationInput struct {
	ID httpx.ID `path:"id" doc:"The organization"`
	httpx.PageQuery
	FilterQuery
}

func (h handler) organization(ctx context.Context, in *organizationInput) (*httpx.Reply[Trail], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := h.service.mayRead(ctx, p.UserID, in.ID.String()); err != nil {
		return nil, err
	}
	return h.read(ctx, p.UserID, Scope{OrganizationID: in.ID.String()}, &readInput{in.PageQuery, in.FilterQuery})
}

func (h handler) own(ctx context.Context, in *readInput) (*httpx.Reply[Trail], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	return h.read(ctx, p.UserID, Scope{UserID: p.UserID}, in)
}

// read answers with a page or a stream, to somebody who may read the scope.
func (h handler) read(ctx context.Context, userID string, scope Scope, in *readInput) (*httpx.Reply[Trail], error) {
	f, err := in.parse()
	if err != nil {
		return nil, err
	}
	if media := httpx.Accepted(ctx); media != "" {
		return h.stream(userID, media, scope, &f), nil
	}
	after, err := decode(in.Cursor)
	if err != nil {
		return nil, err
	}
	rows, next, err := h.service.page(ctx, scope, &f, after, in.Limit)
	if err != nil {
		return nil, err
	}
	page := &httpx.Page{Limit: in.Limit}
	if next != nil {
		if page.Next, err = httpx.EncodeCursor(*next); err != nil {
			return nil, err
		}
	}
	return &httpx.Reply[Trail]{Data: Trail{Rows: rows, Count: len(rows)}, Page: page}, nil
}

// decode reads a cursor; nil is the start.
func decode(cursor string) (*position, error) {
	after, given, err := httpx.DecodeCursor[position](cursor)
	if err != nil || !given {
		return nil, err
	}
	canonical, ok := id.Parse(after.ID)
	if !ok || canonical != after.ID || !after.At.Equal(storable(after.At, false)) {
		return nil, apperr.Field("cursor", "Not a valid cursor.")
	}
	return &position{At: after.At.UTC(), ID: after.ID}, nil
}

// stream answers with every row that matches. That somebody takes them is on record before
// the first byte leaves. Whoever loses the permission meanwhile gets no further page.
func (h handler) stream(userID, media string, scope Scope, f *Filter) *httpx.Reply[Trail] {
	var allowed func(context.Context) error
	if scope.OrganizationID != "" {
		allowed = func(ctx context.Context) error { return h.service.mayRead(ctx, userID, scope.OrganizationID) }
	}
	return &httpx.Reply[Trail]{Stream: &httpx.Stream{
		Media: media, Filename: "audit-logs-" + h.service.now().Format(time.DateOnly) + "." + formatOf(media),
		Write: func(ctx context.Context, w io.Writer) error {
			if err := h.service.recordExport(ctx, userID, media, scope, f); err != nil {
				return err
			}
			return h.service.stream(ctx, w, media, scope, f, allowed)
		},
	}}
}
