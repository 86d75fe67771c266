package contact

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
)

// streamPage is how many enquiries one statement reads, and how many are in memory: a few
// megabytes when all of them are as long as can be.
const streamPage = 100

// Each calls fn for every enquiry that the filter chooses, newest first. It reads page by
// page and holds no transaction, so that a slow reader holds nothing that others need.
func (s *Service) Each(ctx context.Context, f Filter, fn func(Enquiry) error) error {
	var after *position
	for {
		list, err := s.store.page(ctx, f, after, streamPage)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := fn(e); err != nil {
				return err
			}
		}
		if len(list) < streamPage {
			return nil
		}
		last := &list[len(list)-1]
		after = &position{at: last.CreatedAt, id: last.ID}
	}
}

// Find returns an enquiry, [apperr.ErrNotFound] when there is none.
func (s *Service) Find(ctx context.Context, enquiryID string) (Enquiry, error) {
	parsed, ok := id.Parse(enquiryID)
	if !ok {
		return Enquiry{}, apperr.ErrNotFound
	}
	return s.store.find(ctx, parsed)
}

// recordExport notes that an operator takes enquiries out, before they get the first one.
func (s *Service) recordExport(ctx context.Context, format string, f Filter) error {
	fact := events.Fact{
		Action: ActionExport, ResourceType: resourceEnquiry, Success: true, Metadata: map[string]string{"format": format},
	}
	if f.Type != "" {
		fact.Metadata["enquiry_type"] = string(f.Type)
	}
	if !f.Since.IsZero() {
		fact.Metadata["since"] = f.Since.UTC().Format(time.RFC3339Nano)
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.bus.Publish(ctx, tx, fact) })
}
