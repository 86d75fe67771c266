package crypto

import (
	"slices"
	"time"
)

// batch is the jobs a worker does at once. They share one cost.
type batch struct {
	jobs   []*job
	cost   int
	trials []*trial
	engine engine // nil for golang.org/x/crypto/bcrypt, one after the other
	turns  int    // how many times the cost it takes
}

// take returns the next batch, waiting for a job when there is none; never for more of them.
// It returns nil once the pool is closed.
func (p *Passwords) take() *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.state == poolOpen {
		if b := p.collect(); b != nil {
			return b
		}
		p.arrived.Wait()
	}
	return nil
}

// collect takes the oldest job out of the queue, with those of the same cost that fit beside
// it, and ends the jobs whose callers have left or have waited too long. The oldest job of
// another cost is first the next time, so that those which pass it cost it next to nothing:
// they share a batch that came before it anyway. p.mu is held.
func (p *Passwords) collect() *batch {
	b := &batch{engine: p.engine}
	width, _ := p.full()
	now := p.reading()
	p.queue = slices.DeleteFunc(p.queue, func(j *job) bool {
		switch {
		case len(b.trials) >= width:
			return false
		case j.ctx.Err() != nil:
			j.err = left(j.ctx)
			close(j.done)
		case now.Sub(j.since) > p.patience(j.cost):
			j.err = p.refuse(maxWait)
			close(j.done)
		case len(b.jobs) == 0, j.cost == b.cost && len(b.trials)+len(j.trials) <= width:
			b.cost, b.jobs, b.trials = j.cost, append(b.jobs, j), append(b.trials, j.trials...)
		default:
			return false
		}
		p.waiting[j.cost] -= len(j.trials)
		return true
	})
	if len(b.jobs) == 0 {
		return nil
	}
	if b.turns = 1; b.engine == nil {
		b.turns = len(b.trials)
	}
	p.working[b.cost] += b.turns
	return b
}

// serve is the life of a worker.
func (p *Passwords) serve() {
	for b := p.take(); b != nil; b = p.take() {
		p.run(b)
	}
}

// run does a batch, learns how long it took, and answers.
func (p *Passwords) run(b *batch) {
	begun := p.reading()
	var refused error
	if b.engine != nil {
		refused = sideBySide(b.engine, b.cost, b.trials)
	}
	if b.engine == nil || refused != nil {
		for _, j := range b.jobs {
			for _, t := range j.trials {
				if err := t.alone(b.cost); err != nil {
					j.err = err
				}
			}
		}
	}
	took := p.reading().Sub(begun)

	p.mu.Lock()
	p.working[b.cost] -= b.turns
	if b.engine == nil {
		p.pace.learn(0, took/time.Duration(b.turns)>>b.cost)
	} else {
		p.pace.learn(len(b.trials), took>>b.cost)
	}
	p.mu.Unlock()
	p.metrics.observe(b, took, refused)
	if refused != nil {
		p.log.Error("a batch of passwords was refused and checked one by one", "error", refused)
	}
	for _, j := range b.jobs {
		close(j.done)
	}
}

// reading is the time for durations, monotonic where the clock offers it.
func (p *Passwords) reading() time.Time {
	if m, ok := p.clock.(interface{ Reading() time.Time }); ok {
		return m.Reading()
	}
	return p.clock.Now()
}
