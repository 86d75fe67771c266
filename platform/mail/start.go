package mail

import (
	"context"
	"sync"
	"time"
)

// haltWait is how long Stop waits for deliveries that it has interrupted.
const haltWait = 5 * time.Second

// background is the work that outlives whoever began it.
type background struct {
	mu       sync.Mutex
	wait     sync.WaitGroup
	stopping chan struct{} // closed: begin nothing more
	halting  chan struct{} // closed: break off
}

func newBackground() *background {
	return &background{stopping: make(chan struct{}), halting: make(chan struct{})}
}

// run runs fn beside the caller, on ctx without its end, until the halt.
func (b *background) run(ctx context.Context, fn func(ctx context.Context)) {
	b.wait.Go(func() {
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		go func() {
			select {
			case <-b.halting:
				cancel()
			case <-ctx.Done():
			}
		}()
		fn(ctx)
	})
}

func (b *background) stopped() bool { return closed(b.stopping) }

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// shut closes c, once.
func (b *background) shut(c chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !closed(c) {
		close(c)
	}
}

// Start sweeps once in the background, so that what a process left behind does not wait
// for the periodic job's turn.
func (q *Queue) Start(ctx context.Context) error {
	q.under.run(ctx, func(ctx context.Context) {
		if _, err := q.Sweep(ctx); err != nil {
			q.parts.Log.WarnContext(ctx, "the first sweep of the mails failed", "err", err)
		}
	})
	return nil
}

// Stop begins no delivery any more and waits for those under way. When ctx ends it
// interrupts them; their mails are due again at once. It may be called without Start. The
// jobs are stopped before.
func (q *Queue) Stop(ctx context.Context) error {
	q.under.shut(q.under.stopping)
	idle := make(chan struct{})
	go func() {
		q.under.wait.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	q.under.shut(q.under.halting)
	last := time.NewTimer(haltWait)
	defer last.Stop()
	select {
	case <-idle:
	case <-last.C:
	}
	return nil
}
