package contact

import (
	"context"
	"time"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/jobs"
)

const (
	pruneEvery   = 24 * time.Hour
	pruneTimeout = 5 * time.Minute
	// pruneBatch is how many enquiries one statement removes.
	pruneBatch = 1000
)

// jobs are the periodic jobs of the module.
func (s *Service) jobs() []jobs.Periodic {
	return []jobs.Periodic{{
		Name: "prune_contact", Doc: "Removes enquiries that are older than CONTACT_RETENTION_DAYS.",
		Every: pruneEvery, Timeout: pruneTimeout, Run: s.Prune,
	}}
}

// Prune removes the enquiries that are older than they are kept, and reports how many.
func (s *Service) Prune(ctx context.Context) (jobs.Report, error) {
	report := jobs.Report{"removed": 0}
	if s.config.RetentionDays == 0 {
		return report, nil
	}
	before := database.Canonical(s.clock.Now().AddDate(0, 0, -s.config.RetentionDays))
	for {
		n, err := s.store.removeBefore(ctx, before, pruneBatch)
		report["removed"] += n
		if err != nil || n < pruneBatch {
			return report, err
		}
	}
}
