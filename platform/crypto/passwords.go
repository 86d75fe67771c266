package crypto

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/secret"
)

const (
	// maxWait is the longest wait at which a job is still admitted.
	maxWait = 4 * time.Second
	// giveUp is the age at which an admitted job is answered unavailable after all, for
	// the case that hashing became slower than it was when the job was admitted.
	giveUp = 5*time.Second - 250*time.Millisecond
	// queueLimit bounds the queue however fast hashing is.
	queueLimit = 2048
	// typicalUnit is how long a cost of 0 would take on slow hardware; it serves until
	// the first measurement.
	typicalUnit = 150 * time.Microsecond
)

// Passwords hashes and checks passwords with bcrypt. A few workers own all hashing of the
// process, so that a storm of log-ins neither starves other requests nor piles up: a job
// that would wait longer than 4 s is refused at once, and a job whose caller has left is
// dropped. Safe for many goroutines.
type Passwords struct {
	cost, maxCost, workers int
	clock                  clock.Clock
	log                    *slog.Logger
	queue                  chan *job
	metrics                poolMetrics

	mu      sync.Mutex
	state   poolState
	unit    time.Duration // how long one bcrypt of cost 0 takes, moving average
	pending int64         // work admitted and not done, in bcrypts of cost 0
	done    chan struct{}
	running sync.WaitGroup
}

type poolState int

const (
	poolNew poolState = iota
	poolOpen
	poolClosed
)

// job is one piece of hashing. Its state moves once, from queued to taken or dropped.
type job struct {
	ctx   context.Context
	work  func()
	units int64
	since time.Time
	taken atomic.Bool
	err   error
	done  chan struct{}
}

// NewPasswords returns a pool that hashes at the bcrypt cost (4 to 31) in that many workers;
// 0 workers means one fewer than GOMAXPROCS, and at least one. reg may be nil.
func NewPasswords(cost, workers int, clock clock.Clock, log *slog.Logger, reg prometheus.Registerer) *Passwords {
	if workers <= 0 {
		workers = max(1, runtime.GOMAXPROCS(0)-1)
	}
	p := &Passwords{
		cost: cost, maxCost: max(cost, maxForeignCost), workers: workers,
		clock: clock, log: log, queue: make(chan *job, queueLimit),
		unit: typicalUnit, done: make(chan struct{}),
	}
	p.metrics = newPoolMetrics(reg, p.depth)
	return p
}

// Start starts the workers and measures how fast this machine hashes. It returns an error
// for a cost that bcrypt does not know. A pool is started once.
func (p *Passwords) Start(context.Context) error {
	if p.cost < minCost || p.cost > 31 {
		return fmt.Errorf("crypto: bcrypt cost %d is not within %d and 31", p.cost, minCost)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != poolNew {
		return errors.New("crypto: the password pool was started before")
	}
	p.state = poolOpen
	p.calibrate()
	for range p.workers {
		p.running.Go(p.serve)
	}
	return nil
}

// calibrate lowers the typical duration to this machine's best of two.
func (p *Passwords) calibrate() {
	const cost = 5
	for range 2 {
		begun := p.clock.Now()
		burn(cost, nil)
		if took := p.clock.Now().Sub(begun); took > 0 {
			p.unit = max(min(p.unit, took>>cost), 1)
		}
	}
}

// Stop refuses new jobs, answers those still queued as unavailable, and waits for the ones
// being hashed, at most until ctx ends. Stopping twice, or a pool never started, is legal.
func (p *Passwords) Stop(ctx context.Context) error {
	p.mu.Lock()
	if p.state == poolOpen {
		close(p.done)
	}
	p.state = poolClosed
	p.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		p.running.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("crypto: stop the password pool: %w", context.Cause(ctx))
	}
}

// Cost returns the configured bcrypt cost.
func (p *Passwords) Cost() int { return p.cost }

// Hash returns the stored form of the password. The password is normalized first, and
// hashed whole however long it is. It returns [apperr.ErrUnavailable] with a time to retry
// when too many passwords are being hashed, and ctx's error when the caller leaves.
func (p *Passwords) Hash(ctx context.Context, password secret.String) (string, error) {
	return p.hash(ctx, password, false)
}

// HashIfIdle is [Passwords.Hash] for work that nobody waits for: it is refused as soon as
// any other password is waiting.
func (p *Passwords) HashIfIdle(ctx context.Context, password secret.String) (string, error) {
	return p.hash(ctx, password, true)
}

func (p *Passwords) hash(ctx context.Context, password secret.String, onlyIdle bool) (string, error) {
	normal := Normalize(password.Reveal())
	var hash string
	var failed error
	err := p.do(ctx, 1<<p.cost, onlyIdle, func() { hash, failed = hashPassword(normal, p.cost) })
	if err != nil {
		return "", err
	}
	return hash, failed
}

// Verify reports whether the password is the one of the stored hash, and whether it should
// be hashed again because the cost has risen or another program made the hash.
//
// It takes the time of the configured cost for every hash that is not costlier, so that
// the answer's time says nothing: the hash "" (no such account, no password) and one that
// cannot be read burn the configured cost and answer false; cheaper ones burn the rest.
// Hashes costlier than 16 and the configured cost are not read. Errors are as for
// [Passwords.Hash].
func (p *Passwords) Verify(ctx context.Context, hash string, password secret.String) (ok, rehash bool, err error) {
	tried := candidates(password)
	cost := p.cost
	s, readable := parseStored(hash, p.maxCost)
	if readable {
		cost = max(cost, s.cost)
	} else if hash != "" {
		p.log.WarnContext(ctx, "a stored password hash cannot be read", "length", len(hash))
	}
	units := int64(len(tried)) << cost
	err = p.do(ctx, units, false, func() { ok, rehash = verifyPassword(hash, tried, p.cost, p.maxCost) })
	if err != nil {
		return false, false, err
	}
	return ok, rehash, nil
}

// do has a worker run work and waits for it.
func (p *Passwords) do(ctx context.Context, units int64, onlyIdle bool, work func()) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("crypto: hash password: %w", context.Cause(ctx))
	}
	j := &job{ctx: ctx, work: work, units: units, since: p.clock.Now(), done: make(chan struct{})}
	if err := p.admit(j, onlyIdle); err != nil {
		return err
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
		// The worker may be at it already; then its answer is nobody's.
		if j.taken.CompareAndSwap(false, true) {
			p.settle(j)
		}
		return fmt.Errorf("crypto: hash password: %w", context.Cause(ctx))
	case <-p.done:
		if j.taken.CompareAndSwap(false, true) {
			p.settle(j)
			return apperr.ErrUnavailable.WithRetryAfter(time.Second)
		}
		<-j.done
		return j.err
	}
}

// admit puts j into the queue, or refuses it when it would wait too long.
func (p *Passwords) admit(j *job, onlyIdle bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != poolOpen {
		return apperr.ErrUnavailable.WithRetryAfter(time.Second)
	}
	wait := time.Duration(p.pending) * p.unit / time.Duration(p.workers)
	if wait > maxWait || onlyIdle && p.pending > 0 {
		return p.refuse(wait)
	}
	select {
	case p.queue <- j:
		p.pending += j.units
		return nil
	default:
		return p.refuse(wait)
	}
}

// refuse counts a refused job and says when the queue will be shorter.
func (p *Passwords) refuse(wait time.Duration) error {
	p.metrics.rejected.Inc()
	return apperr.ErrUnavailable.WithRetryAfter(max(time.Second, (wait / 2).Round(time.Second)))
}

// settle takes j out of the expected wait.
func (p *Passwords) settle(j *job) {
	p.mu.Lock()
	p.pending -= j.units
	p.mu.Unlock()
}

// depth returns how many jobs wait, dropped ones included until a worker passes them.
func (p *Passwords) depth() float64 { return float64(len(p.queue)) }

// serve is the life of a worker.
func (p *Passwords) serve() {
	for {
		select {
		case <-p.done:
			return
		default:
		}
		select {
		case <-p.done:
			return
		case j := <-p.queue:
			p.run(j)
		}
	}
}

// run does one job, unless its caller has left or it waited too long.
func (p *Passwords) run(j *job) {
	if !j.taken.CompareAndSwap(false, true) {
		return
	}
	defer close(j.done)
	defer p.settle(j)
	if err := j.ctx.Err(); err != nil {
		j.err = fmt.Errorf("crypto: hash password: %w", context.Cause(j.ctx))
		return
	}
	begun := p.clock.Now()
	if begun.Sub(j.since) > giveUp {
		p.metrics.rejected.Inc()
		j.err = apperr.ErrUnavailable.WithRetryAfter(time.Second)
		return
	}
	j.work()
	took := p.clock.Now().Sub(begun)
	p.metrics.duration.Observe(took.Seconds())
	p.learn(took, j.units)
}

// learn moves the average by an eighth of the difference.
func (p *Passwords) learn(took time.Duration, units int64) {
	measured := took / time.Duration(max(units, 1))
	if measured <= 0 {
		return
	}
	p.mu.Lock()
	p.unit += (measured - p.unit) / 8
	p.unit = max(p.unit, 1)
	p.mu.Unlock()
}
