package invalidation

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// follow reads again and again until ctx ends.
func (l *Log) follow(ctx context.Context) {
	defer close(l.done)
	defer l.source.close(context.WithoutCancel(ctx))
	failing := false
	for {
		l.source.wait(ctx, pollEvery, l.wake)
		if ctx.Err() != nil {
			return
		}
		err := l.readSafely(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			l.log.WarnContext(ctx, "the invalidation log cannot be read; caches are not trusted until it can", "err", err)
		case err == nil && failing:
			l.log.InfoContext(ctx, "the invalidation log is read again")
		}
		failing = err != nil
	}
}

// readSafely keeps the tail going when a subscriber panics.
func (l *Log) readSafely(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("invalidation: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return l.read(ctx, true)
}

// read applies what is new, tells the subscribers, and only then calls the tail fresh. The
// time that counts is the one before the read: what was committed later may be missing.
func (l *Log) read(ctx context.Context, notify bool) error {
	ctx, cancel := context.WithTimeout(ctx, trust)
	defer cancel()
	began := l.clock.Now()
	var told []Entry
	var floors, pruned Position
	found, err := l.source.read(ctx, func(p placed) {
		floors = max(floors, p.floor())
		if p.Kind == kindFloor {
			pruned = max(pruned, p.floor())
		}
		l.apply(p)
		if notify && len(l.subscribers[p.Kind]) > 0 {
			told = append(told, p.Entry)
		}
	})
	if err != nil {
		return err
	}
	if found.loaded {
		floors = max(floors, found.floor)
		l.index.open(floors)
		l.index.raise(floors)
	} else if pruned >= found.since {
		// This replica was cut off for so long that entries it had not read are gone.
		l.index.raise(pruned)
	}
	l.pending = append(l.pending, told...)
	l.tell()
	if e := l.epoch.Load(); e == nil || *e != found.epoch {
		if e != nil {
			l.bumped.Store(int64(l.clock.Now().Sub(l.start)) + 1)
		}
		l.epoch.Store(&found.epoch)
		l.stored.Store(&found.stored)
	}
	l.readWall.Store(began.UnixNano())
	l.readAt.Store(int64(began.Sub(l.start)) + 1)
	return nil
}

// tell hands the pending entries to their subscribers. An entry stays pending until all of
// them have returned, so one that panics is told again with the next read, and until it
// has taken the entry nothing is trusted.
func (l *Log) tell() {
	for len(l.pending) > 0 {
		e := l.pending[0]
		for _, fn := range l.subscribers[e.Kind] {
			fn(e.Subject)
		}
		l.pending = l.pending[1:]
	}
	l.pending = nil
}

// apply makes everything stale that was read before the entry.
func (l *Log) apply(p placed) {
	switch p.Kind {
	case KindEpoch:
		l.index.raise(p.at)
	case kindFloor:
		// What was pruned, this replica has seen, or read finds out that it has not.
	default:
		l.index.add(p.Kind, p.Subject, p.at)
	}
}

// nudge has the tail read now instead of at the next poll.
func (l *Log) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// pause returns after d, or when woken, or when ctx ends.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}
