package httpx

import (
	"context"
	"net/http"
	"strconv"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/ratelimit"
)

// Limiter counts calls against named fixed windows.
type Limiter interface {
	// Take counts one call of key against the limit of that name. A Result with Limit 0
	// means that the limit is switched off.
	Take(ctx context.Context, name, key string) (ratelimit.Result, error)
}

// count takes one call from each limit of the operation.
func (r *route) count(ex *exchange) error {
	return r.api.count(ex.ctx, ex.gin.Writer.Header(), ex.client, r.Limits)
}

// count takes one call from each of the limits. The headers tell of the limit that is
// closest to its end; when several are reached, of the one that ends last.
func (a *API) count(ctx context.Context, h http.Header, client authn.Client, limits []string) error {
	if len(limits) == 0 || a.deps.Limiter == nil {
		return nil
	}
	bucket := client.Bucket()
	var tightest ratelimit.Result
	for _, name := range limits {
		got, err := a.deps.Limiter.Take(ctx, name, bucket)
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
	h["X-Ratelimit-Limit"] = []string{strconv.Itoa(tightest.Limit)}
	h["X-Ratelimit-Remaining"] = []string{strconv.Itoa(tightest.Remaining)}
	h["X-Ratelimit-Reset"] = []string{strconv.FormatInt(tightest.Reset.Unix(), 10)}
	if tightest.Reached {
		return apperr.ErrRateLimited.WithRetryAfter(max(tightest.Reset.Sub(a.deps.Clock.Now()), 1))
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
