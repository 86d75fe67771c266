package ratelimit

import "time"

// maxDoublings keeps the delay from overflowing, whatever Base is in practice.
const maxDoublings = 30

// delay returns how long after the last of n counted attempts the next one must wait.
func (p Policy) delay(n int) time.Duration {
	if n < p.Free {
		return 0
	}
	d := p.Base << min(n-p.Free, maxDoublings)
	if d > p.Max || d < p.Base {
		return p.Max
	}
	return d
}

// memory returns how long after its last attempt a bucket of n attempts is remembered.
func (p Policy) memory(n int) time.Duration { return max(p.Forget, p.delay(n)) }
