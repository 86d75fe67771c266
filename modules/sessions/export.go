package sessions

import (
	"context"
	"fmt"
)

// exportPage is how many rows one statement of an export reads.
const exportPage = 500

// Export returns everything that is kept of a user's sessions, the ended ones too. It
// pages, so that no statement grows with the user's history.
func (s *Service) Export(ctx context.Context, userID string) ([]Session, error) {
	all := []Session{}
	before := ""
	for {
		rows, err := s.store.history(ctx, userID, before, exportPage)
		if err != nil {
			return nil, fmt.Errorf("sessions: export: %w", err)
		}
		for i := range rows {
			all = append(all, view(&rows[i], "", false))
		}
		if len(rows) < exportPage {
			return all, nil
		}
		before = rows[len(rows)-1].ID
	}
}
