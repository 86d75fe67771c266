package crypto

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/crypto/lanes"
)

const (
	// maxWait is the longest wait at which a job is still admitted.
	maxWait = 4 * time.Second
	// answerWithin bounds waiting and work together. Whoever was admitted and still waits
	// when it is too late for that is refused after all: hashing became slower since.
	answerWithin = 5*time.Second - 100*time.Millisecond
	// queueLimit bounds the queue however fast hashing is.
	queueLimit = 2048
)

// job is the trials that one caller waits for, all done in one batch. Until a worker takes
// it, it is in the queue; from then on its trials and err are the worker's until done is
// closed.
type job struct {
	ctx    context.Context
	cost   int // whose time it takes: the hash's or the configured one
	trials []*trial
	since  time.Time
	err    error
	done   chan struct{}
}

// do has a worker do the trials and waits for it.
func (p *Passwords) do(ctx context.Context, cost int, onlyIdle bool, trials ...*trial) error {
	if ctx.Err() != nil {
		return left(ctx)
	}
	j := &job{ctx: ctx, cost: cost, trials: trials, since: p.reading(), done: make(chan struct{})}
	patience, err := p.admit(j, onlyIdle)
	if err != nil {
		return err
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		// The worker may be at it already; then its answer is nobody's.
		p.withdraw(j)
		return left(ctx)
	case <-late.C:
		if p.withdraw(j) {
			return p.refuse(maxWait)
		}
	case <-p.done:
		if p.withdraw(j) {
			return apperr.ErrUnavailable.WithRetryAfter(time.Second)
		}
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		return left(ctx)
	}
}

// left is the error for a caller who left.
func left(ctx context.Context) error {
	return fmt.Errorf("crypto: hash password: %w", context.Cause(ctx))
}

// admit puts j into the queue and returns how long it may stay there, or refuses it when it
// would wait too long.
func (p *Passwords) admit(j *job, onlyIdle bool) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != poolOpen {
		return 0, apperr.ErrUnavailable.WithRetryAfter(time.Second)
	}
	wait, patience := p.backlog(), p.patience(j.cost)
	if wait > min(maxWait, patience) || len(p.queue) >= queueLimit || onlyIdle && wait > 0 {
		return 0, p.refuse(wait)
	}
	p.queue = append(p.queue, j)
	p.waiting[j.cost] += len(j.trials)
	p.arrived.Signal()
	return patience, nil
}

// patience returns how long a job may wait so that it is answered in time. Hashes of others
// may cost more than all the time there is; half of it is for waiting then. p.mu is held.
func (p *Passwords) patience(cost int) time.Duration {
	_, round := p.full()
	return max(answerWithin-round<<cost, answerWithin/2)
}

// full returns how many trials a worker does at once when there are enough, and how long a
// round of them takes. p.mu is held.
func (p *Passwords) full() (width int, round time.Duration) {
	if p.engine == nil {
		return 1, p.pace[0]
	}
	return lanes.Width, p.pace[lanes.Width]
}

// backlog returns how long a job that comes now has to wait: the time of the batches that
// the queue makes, and of those at work as if they had just begun. p.mu is held.
func (p *Passwords) backlog() time.Duration {
	width, round := p.full()
	var wait time.Duration
	for cost, trials := range p.waiting {
		turns := p.working[cost] + (trials+width-1)/width
		wait += time.Duration(turns) * (round << cost)
	}
	if wait == 0 {
		return 0
	}
	return max(wait/time.Duration(p.workers), 1)
}

// refuse counts a refused job and says when the queue will be shorter.
func (p *Passwords) refuse(wait time.Duration) error {
	p.metrics.rejected.Inc()
	return apperr.ErrUnavailable.WithRetryAfter(max(time.Second, (wait / 2).Round(time.Second)))
}

// withdraw takes j out of the queue. It reports false when a worker has taken it already.
func (p *Passwords) withdraw(j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.queue, j)
	if i < 0 {
		return false
	}
	p.queue = slices.Delete(p.queue, i, i+1)
	p.waiting[j.cost] -= len(j.trials)
	return true
}

// depth returns how many jobs wait.
func (p *Passwords) depth() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return float64(len(p.queue))
}
