package ratelimit

import (
	"context"
	"time"
)

// Growing delays repeated failures more and more, without ever locking anybody out for
// long. It counts before the proof is checked, so that N parallel guesses are N guesses.
type Growing interface {
	// Reserve counts an attempt against bucket and reports how long the caller must
	// wait: zero admits the attempt now, anything else refuses it and counts nothing.
	Reserve(ctx context.Context, bucket string, p Policy) (wait time.Duration, err error)
	// Succeed forgets the failures of bucket, because the proof was right.
	Succeed(ctx context.Context, bucket string) error
	// Release gives back a reservation whose proof was never checked.
	Release(ctx context.Context, bucket string) error
}

// Policy is how a delay grows: Free attempts pass at once, the next ones wait Base,
// twice Base, four times Base … up to Max after the last attempt; Forget without an
// attempt starts over.
type Policy struct {
	Free   int
	Base   time.Duration
	Max    time.Duration
	Forget time.Duration
}
