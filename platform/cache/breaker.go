package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authy2/backend/platform/clock"
)

// A server that hangs is worse than one that is gone: every caller would wait out its
// time-out. After tripAfter failures in a row nobody waits any more; every restFor one
// caller tries again.
const (
	tripAfter = 3
	restFor   = 250 * time.Millisecond
)

// breaker is a go-redis hook that answers [ErrUnavailable] at once while the server is
// out of reach. An answer of the server, whatever it says, is a success; a caller that
// left says nothing about the server.
type breaker struct {
	clock    clock.Clock
	log      *slog.Logger
	start    time.Time
	failures atomic.Int64
	restEnds atomic.Int64 // nanoseconds since start
	probing  atomic.Bool
}

func newBreaker(c clock.Clock, log *slog.Logger) *breaker {
	return &breaker{clock: c, log: log, start: c.Now()}
}

var _ redis.Hook = (*breaker)(nil)

// DialHook leaves dialing alone: a failed dial fails the command that needed it.
func (b *breaker) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		return next(ctx, network, addr)
	}
}

// ProcessHook guards single commands.
func (b *breaker) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if b.failures.Load() < tripAfter || handshake(cmd) {
			return b.judge(ctx, cmd, next(ctx, cmd))
		}
		return b.probe(func() error { return b.judge(ctx, cmd, next(ctx, cmd)) })
	}
}

// ProcessPipelineHook guards pipelines.
func (b *breaker) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if len(cmds) == 0 || b.failures.Load() < tripAfter || handshake(cmds[0]) {
			return b.judgeAll(ctx, cmds, next)
		}
		err := b.probe(func() error { return b.judgeAll(ctx, cmds, next) })
		if err == ErrUnavailable { //nolint:errorlint // the refusal itself: no command was sent, so none has an error yet
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}
		return err
	}
}

func (b *breaker) judgeAll(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
	err := next(ctx, cmds)
	if err == nil || len(cmds) == 0 {
		return err
	}
	return b.judge(ctx, cmds[0], err)
}

// handshake reports whether the client sends cmd by itself to set up a connection. The
// command that needs the connection is the one that is counted and refused; a probe
// would otherwise refuse its own connection.
func handshake(cmd redis.Cmder) bool {
	switch cmd.Name() {
	case "hello", "auth", "select", "client", "readonly", "asking", "cluster":
		return true
	}
	return false
}

// probe lets one caller through once the rest is over, and refuses all others.
func (b *breaker) probe(try func() error) error {
	if int64(b.clock.Now().Sub(b.start)) < b.restEnds.Load() || !b.probing.CompareAndSwap(false, true) {
		return ErrUnavailable
	}
	defer b.probing.Store(false)
	return try()
}

// judge counts the outcome of a call and wraps what means that the server is out of
// reach.
func (b *breaker) judge(ctx context.Context, cmd redis.Cmder, err error) error {
	if err == nil || answered(err) {
		if b.failures.Load() != 0 && b.failures.Swap(0) >= tripAfter {
			b.log.InfoContext(ctx, "Redis is back")
		}
		return err
	}
	switch {
	case handshake(cmd):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	n := b.failures.Add(1)
	if n >= tripAfter {
		b.restEnds.Store(int64(b.clock.Now().Add(restFor).Sub(b.start)))
	}
	if n == tripAfter {
		b.log.WarnContext(ctx, "Redis is out of reach; going on without it", "err", err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// answered reports whether err is what the server said, and not that it said nothing.
func answered(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}
