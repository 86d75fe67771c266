package contact_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/authy2/backend/modules/contact"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/ratelimit"
)

// edges are processes that count together: one with its memory, or two with a Redis.
func edges(t *testing.T, h *house, n int) []*edge {
	t.Helper()
	all := make([]*edge, n)
	for i := range all {
		limiter, err := ratelimit.NewLimiter(contact.Limits(), nil, ratelimit.Settings{Enabled: true, Redis: h.Redis})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = newEdge(t, h.Backend, h.Service, limiter, h.Log)
	}
	return all
}

// Of 20 enquiries at once from one address exactly five pass, in one process that counts in
// memory and in two that count in Redis, and honeypots count like the others.
func TestExactlyFivePass(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		processes := 1
		if b.Redis != nil {
			processes = 2
		}
		all := edges(t, h, processes)
		var mu sync.Mutex
		statuses := map[int]int{}
		start := make(chan struct{})
		var group sync.WaitGroup
		for i := range 20 {
			request := body(t)
			if i%2 == 0 {
				request = body(t, "website", "x")
			}
			group.Go(func() {
				<-start
				// A peer that is no proxy of ours claims to be somebody else each time.
				status, _, _ := all[i%processes].post(t.Context(), t, request, "X-Forwarded-For", "198.51.100."+strconv.Itoa(i))
				mu.Lock()
				defer mu.Unlock()
				statuses[status]++
			})
		}
		close(start)
		group.Wait()
		if statuses[http.StatusCreated] != 5 || statuses[http.StatusTooManyRequests] != 15 {
			t.Errorf("the answers are %v", statuses)
		}
		if n := h.rows(t, "contact_enquiries"); n > 5 || n != h.rows(t, "platform_mails") {
			t.Errorf("%d enquiries and %d mails", n, h.rows(t, "platform_mails"))
		}
		b.Clock.Set(clock.System{}.Now()) // windows are those of the real clock
		status, _, header := all[0].post(t.Context(), t, body(t))
		wait, err := strconv.Atoi(header.Get("Retry-After"))
		if status != http.StatusTooManyRequests || err != nil || wait < 3500 || wait > 3600 || header.Get("X-RateLimit-Limit") != "5" || header.Get("X-RateLimit-Remaining") != "0" {
			t.Errorf("the sixth is %d with %v", status, header)
		}
		if b.Redis != nil { // a restart forgets nothing
			if status, _, _ := edges(t, h, 1)[0].post(t.Context(), t, body(t)); status != http.StatusTooManyRequests {
				t.Errorf("after a restart: %d", status)
			}
		}
	})
}
