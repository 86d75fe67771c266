package httpx

import (
	"context"
	"strconv"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/ratelimit"
)

// Limiter counts calls against named fixed windows.
type Limiter interface {
	// Take counts one call of key against the limit of that name. A Result with Limit 0
	// means that the limit is switched off.
	Take(ctx context.Context, name, key string) (ratelimit.Result, error)
}

// count takes one call from each limit of the operation. The headers tell of the limit
// that is closest to its end; when several are reached, of the one that ends last.
func (r *route) count(ex *exchange) error {
	if len(r.Limits) == 0 || r.api.deps.Limiter == nil {
		return nil
	}
	bucket := ex.client.Bucket()
	var tightest ratelimit.Result
	for _, name := range r.Limits {
		got, err := r.api.deps.Limiter.Take(ex.ctx, name, bucket)
		if err != nil {
			return err
		}
		if got.Limit == 0 {
			continue
		}
		if tightest.Limit == 0 || tighter(got, tightest) {
			tightest = got
		}
	}
	if tightest.Limit == 0 {
		return nil
	}
	h := ex.gin.Writer.Header()
	h["X-Ratelimit-Limit"] = []string{strconv.Itoa(tightest.Limit)}
	h["X-Ratelimit-Remaining"] = []string{strconv.Itoa(tightest.Remaining)}
	h["X-Ratelimit-Reset"] = []string{strconv.FormatInt(tightest.Reset.Unix(), 10)}
	if tightest.Reached {
		return apperr.ErrRateLimited.WithRetryAfter(max(tightest.Reset.Sub(r.api.deps.Clock.Now()), 1))
	}
	return nil
}

// tighter reports whether a says more than b about what the caller may still do.
func tighter(a, b ratelimit.Result) bool {
	if a.Reached != b.Reached {
		return a.Reached
	}
	if a.Reached {
		return a.Reset.After(b.Reset)
	}
	return a.Remaining < b.Remaining
}
