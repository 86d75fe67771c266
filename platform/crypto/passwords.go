package crypto

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto/lanes"
	"github.com/authy2/backend/platform/secret"
)

// Passwords hashes and checks passwords with bcrypt. A few workers own all hashing of the
// process, so that a storm of log-ins neither starves other requests nor piles up: a job
// that would wait longer than 4 s is refused at once, and a job whose caller has left is
// dropped. A worker does up to four waiting passwords side by side (package lanes), which
// takes little longer than one. Safe for many goroutines.
type Passwords struct {
	cost, maxCost, workers int
	clock                  clock.Clock
	log                    *slog.Logger
	rand                   io.Reader
	newEngine              func() engine
	metrics                poolMetrics

	mu      sync.Mutex
	arrived *sync.Cond // a job is in the queue, or the pool was closed
	state   poolState
	queue   []*job // oldest first
	// waiting is how many trials are in the queue, working how many batches workers are
	// at, for each cost.
	waiting, working [lanes.MaxCost + 1]int
	pace             pace
	engine           engine // nil until it has proved itself, and for good if it cannot
	done             chan struct{}
	running          sync.WaitGroup
}

type poolState int

const (
	poolNew poolState = iota
	poolOpen
	poolClosed
)

// NewPasswords returns a pool that hashes at the bcrypt cost (4 to 31) in that many workers;
// 0 workers means one fewer than GOMAXPROCS, and at least one. reg may be nil.
func NewPasswords(cost, workers int, clock clock.Clock, log *slog.Logger, reg prometheus.Registerer) *Passwords {
	if workers <= 0 {
		workers = max(1, runtime.GOMAXPROCS(0)-1)
	}
	p := &Passwords{
		cost: cost, maxCost: max(cost, maxForeignCost), workers: workers,
		clock: clock, log: log, rand: rand.Reader,
		newEngine: func() engine { return lanes.New() },
		done:      make(chan struct{}),
	}
	p.arrived = sync.NewCond(&p.mu)
	for i := range p.pace {
		p.pace[i] = typicalRound
	}
	p.metrics = newPoolMetrics(reg, p.depth)
	return p
}

// Start starts the workers and measures how fast this machine hashes. It returns an error
// for a cost that bcrypt does not know. A pool is started once.
//
// The engine that does four passwords at once is made and tested after Start has returned.
// Until then, and for good when it fails its test, golang.org/x/crypto/bcrypt does the work.
func (p *Passwords) Start(ctx context.Context) error {
	if p.cost < minCost || p.cost > lanes.MaxCost {
		return fmt.Errorf("crypto: bcrypt cost %d is not within %d and %d", p.cost, minCost, lanes.MaxCost)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != poolNew {
		return errors.New("crypto: the password pool was started before")
	}
	round, err := calibrate(p.reading, func(cost int) error {
		nobody := &trial{hash: lanes.Parsed{Cost: cost}}
		return nobody.alone(cost)
	})
	if err != nil {
		return err
	}
	p.state, p.pace[0] = poolOpen, round
	for range p.workers {
		p.running.Go(p.serve)
	}
	p.running.Go(func() { p.prove(ctx) })
	return nil
}

// prove makes the engine, and lets the workers use it when it passes its test.
func (p *Passwords) prove(ctx context.Context) {
	e := p.newEngine()
	measured, err := p.examine(e)
	if errors.Is(err, lanes.ErrInterrupted) {
		return
	}
	if err != nil {
		p.metrics.failures.Inc()
		p.log.ErrorContext(ctx, "the four-lane bcrypt failed its self-test; passwords are hashed one by one", "error", err)
		return
	}
	p.mu.Lock()
	measured[0] = p.pace[0]
	p.engine, p.pace = e, measured
	p.mu.Unlock()
	p.metrics.active.Set(1)
}

// examine tests the engine and measures how fast it is at every width.
func (p *Passwords) examine(e engine) (measured pace, err error) {
	if err := e.SelfTest(p.done); err != nil {
		return pace{}, err
	}
	for width := 1; width <= lanes.Width; width++ {
		select {
		case <-p.done:
			return pace{}, lanes.ErrInterrupted
		default:
		}
		measured[width], err = calibrate(p.reading, func(cost int) error {
			trials := make([]*trial, width)
			for i := range trials {
				trials[i] = &trial{hash: lanes.Parsed{Cost: cost}}
			}
			return sideBySide(e, cost, trials)
		})
		if err != nil {
			return pace{}, err
		}
	}
	return measured, nil
}

// Stop refuses new jobs, answers those still queued as unavailable, and waits for the ones
// being hashed, at most until ctx ends. Stopping twice, or a pool never started, is legal.
func (p *Passwords) Stop(ctx context.Context) error {
	p.mu.Lock()
	if p.state == poolOpen {
		close(p.done)
	}
	p.state = poolClosed
	p.arrived.Broadcast()
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
	input, mark := []byte(Normalize(password.Reveal())), ""
	if len(input) > maxBcrypt {
		input, mark = prehash(string(input)), prehashed
	}
	t := &trial{hash: lanes.Parsed{Cost: p.cost}, input: input, fresh: true}
	if _, err := io.ReadFull(p.rand, t.hash.Salt[:]); err != nil {
		return "", fmt.Errorf("crypto: make a salt: %w", err)
	}
	if err := p.do(ctx, p.cost, onlyIdle, t); err != nil {
		return "", err
	}
	return mark + t.hash.String(), nil
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
	s, readable := parseStored(hash, p.maxCost)
	if !readable {
		if hash != "" {
			p.log.WarnContext(ctx, "a stored password hash cannot be read", "length", len(hash))
		}
		s.Cost = p.cost
	}
	tried := candidates(password)
	trials, possible := make([]*trial, len(tried)), make([]bool, len(tried))
	for i, c := range tried {
		t := &trial{hash: s.Parsed}
		t.input, possible[i] = s.input(c)
		trials[i] = t
	}
	if err := p.do(ctx, max(s.Cost, p.cost), false, trials...); err != nil {
		return false, false, err
	}
	for i, t := range trials {
		if t.right && possible[i] && readable {
			ok, rehash = true, s.outdated(tried[i], p.cost)
		}
	}
	return ok, rehash, nil
}
