package jobs

import (
	"time"

	"github.com/riverqueue/river/rivertype"
)

// longestPause is the longest wait between two attempts of a queued job.
const longestPause = time.Hour

// backoff waits longer after every failed attempt: 1 s, 16 s, 81 s … up to an hour. Jobs
// that failed together are spread by their ids.
type backoff struct{}

// NextRetry returns when the job runs again.
func (backoff) NextRetry(job *rivertype.JobRow) time.Time {
	n := time.Duration(max(len(job.Errors), 0) + 1)
	pause := min(n*n*n*n*time.Second, longestPause)
	spread := pause / 100 * time.Duration(job.ID%10)
	last := job.ScheduledAt
	if job.AttemptedAt != nil {
		last = *job.AttemptedAt
	}
	return last.Add(pause + spread)
}
