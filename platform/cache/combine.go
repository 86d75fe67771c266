package cache

import (
	"context"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

const (
	// flights is how many pipelines are under way at once. Callers that come meanwhile
	// wait for the next one: the busier the server, the more of them share one.
	flights = 2
	// seats is how many calls share a pipeline at most.
	seats = 128
)

// combiner sends the calls that come at the same time in one pipeline: one write and one
// read on either side instead of one each. A call that comes alone is sent at once and
// alone, so nothing ever waits for company. No goroutine is its own: a caller sends the
// calls of those that came while the pipeline before was under way.
type combiner struct {
	client redis.UniversalClient

	mu      sync.Mutex
	flying  int
	waiting []*passenger
	idle    sync.Pool
}

// passenger is a call that waits for a pipeline.
type passenger struct {
	cmd redis.Cmder
	// turn receives true when somebody sent the call, false when its own caller is to
	// send it, with everything that waits by then.
	turn chan bool
}

func newCombiner(client redis.UniversalClient) *combiner {
	return &combiner{
		client: client,
		idle:   sync.Pool{New: func() any { return &passenger{turn: make(chan bool, 1)} }},
	}
}

// process sends cmd and returns its error, as [redis.Client.Process] does. A caller that
// leaves gets its context's error; its call may still be sent.
func (c *combiner) process(ctx context.Context, cmd redis.Cmder) error {
	c.mu.Lock()
	if c.flying < flights {
		c.flying++
		c.mu.Unlock()
		return c.lead(ctx, cmd)
	}
	p := c.idle.Get().(*passenger) //nolint:forcetypeassert // the pool makes nothing else
	p.cmd = cmd
	c.waiting = append(c.waiting, p)
	c.mu.Unlock()
	select {
	case sent := <-p.turn:
		c.idle.Put(p)
		if sent {
			return cmd.Err()
		}
		return c.lead(ctx, cmd)
	case <-ctx.Done():
		c.leave(p)
		return ctx.Err()
	}
}

// leave takes back a call whose caller gives up. If it was called up meanwhile, its turn
// goes to the next.
func (c *combiner) leave(p *passenger) {
	c.mu.Lock()
	if i := slices.Index(c.waiting, p); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
		c.mu.Unlock()
		c.idle.Put(p)
		return
	}
	c.mu.Unlock()
	if sent := <-p.turn; !sent {
		c.next()
	}
	c.idle.Put(p)
}

// lead sends cmd together with whatever waits, tells those who waited, and gives the
// lead away.
func (c *combiner) lead(ctx context.Context, cmd redis.Cmder) error {
	defer c.next()
	c.mu.Lock()
	n := min(len(c.waiting), seats-1)
	if n == 0 {
		c.mu.Unlock()
		return c.client.Process(ctx, cmd)
	}
	others := slices.Clone(c.waiting[:n])
	c.waiting = slices.Delete(c.waiting, 0, n)
	c.mu.Unlock()
	defer func() {
		for _, p := range others {
			p.turn <- true
		}
	}()
	// The calls of others do not end because this caller leaves.
	_, err := c.client.Pipelined(context.WithoutCancel(ctx), func(pipe redis.Pipeliner) error {
		_ = pipe.Process(ctx, cmd) // queued here; errors come with the answers
		for _, p := range others {
			_ = pipe.Process(ctx, p.cmd)
		}
		return nil
	})
	if err != nil && cmd.Err() == nil {
		for _, p := range others {
			if p.cmd.Err() != nil {
				return nil // it was another's call that failed
			}
		}
		return err
	}
	return cmd.Err()
}

// next gives the lead to the one who waits longest, or ends it.
func (c *combiner) next() {
	c.mu.Lock()
	if len(c.waiting) == 0 {
		c.flying--
		c.mu.Unlock()
		return
	}
	p := c.waiting[0]
	c.waiting = slices.Delete(c.waiting, 0, 1)
	c.mu.Unlock()
	p.turn <- false
}
