package audit

import (
	"context"
	"fmt"
	"io"
	"maps"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/events"
)

// streamPage is how many rows one statement of a stream reads, and how many are in memory.
const streamPage = 500

// The media types that the trail is taken out in.
const (
	mediaCSV   = "text/csv"
	mediaJSONL = "application/x-ndjson"
)

// writer writes rows in one of the media types. What it writes may wait until flush.
type writer interface {
	write(rows []Row) error
	flush() error
}

// newWriter returns the writer of a media type.
func newWriter(media string, w io.Writer) (writer, error) {
	switch media {
	case mediaCSV:
		return newCSV(w)
	case mediaJSONL:
		return newJSONL(w), nil
	default:
		return nil, fmt.Errorf("audit: no stream of %q", media)
	}
}

// stream writes every row of the scope that matches, newest first. It reads page by page
// and holds no transaction, so that a slow client holds nothing that others need. Such a
// client may read for days: allowed, unless it is nil, is asked again before each page but
// the first, and its error ends the stream.
func (s *Service) stream(ctx context.Context, w io.Writer, media string, scope Scope, f *Filter, allowed func(context.Context) error) error {
	out, err := newWriter(media, w)
	if err != nil {
		return err
	}
	r := reader{service: s, scope: scope}
	var after *position
	for {
		if after != nil && allowed != nil {
			if err := allowed(ctx); err != nil {
				return err
			}
		}
		rows, err := s.store.page(ctx, scope, f, after, streamPage)
		if err != nil {
			return err
		}
		views, err := r.views(ctx, rows)
		if err != nil {
			return err
		}
		if err := out.write(views); err != nil {
			return fmt.Errorf("audit: write rows: %w", err)
		}
		if err := out.flush(); err != nil {
			return fmt.Errorf("audit: write rows: %w", err)
		}
		if len(rows) < streamPage {
			return nil
		}
		last := &rows[len(rows)-1]
		after = &position{At: last.CreatedAt.UTC(), ID: last.ID}
	}
}

// recordExport notes that somebody takes rows out, before they get the first one.
func (s *Service) recordExport(ctx context.Context, userID, media string, scope Scope, f *Filter) error {
	fact := events.Fact{
		Action: ActionExport, ActorID: userID, OrganizationID: scope.OrganizationID, Success: true,
		ResourceType: resourceUser, ResourceID: userID, Metadata: map[string]string{"format": formatOf(media)},
	}
	if scope.OrganizationID != "" {
		fact.ResourceType, fact.ResourceID = "organization", scope.OrganizationID
	}
	maps.Copy(fact.Metadata, f.words())
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.bus.Publish(ctx, tx, fact) })
}

// formatOf is how people call a media type.
func formatOf(media string) string {
	if media == mediaCSV {
		return "csv"
	}
	return "jsonl"
}
