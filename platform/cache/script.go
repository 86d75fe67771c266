package cache

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// script is a Lua script on one key. It is called by its hash, and sent in full only
// when the server does not know it: after a restart or a fail-over.
type script struct {
	source string
	hash   string
}

func newScript(source string) script {
	return script{source: source, hash: redis.NewScript(source).Hash()}
}

// text runs the script in company and returns its one bulk string without copying it. A
// nil answer is [redis.Nil].
func (s *script) text(ctx context.Context, c *combiner, key string, args ...any) ([]byte, error) {
	cmd := redis.NewStringCmd(ctx, s.call(key, args)...)
	err := c.process(ctx, cmd)
	if unknownScript(err) {
		cmd = redis.NewStringCmd(ctx, s.send(key, args)...)
		err = c.process(ctx, cmd)
	}
	if err != nil {
		return nil, err
	}
	return cmd.Bytes()
}

// done runs the script and reports whether it answered 1.
func (s *script) done(ctx context.Context, c redis.UniversalClient, key string, args ...any) (bool, error) {
	cmd := redis.NewIntCmd(ctx, s.call(key, args)...)
	err := c.Process(ctx, cmd)
	if unknownScript(err) {
		cmd = redis.NewIntCmd(ctx, s.send(key, args)...)
		err = c.Process(ctx, cmd)
	}
	return cmd.Val() == 1, err
}

// each runs the script once for every key, in one pipeline: single-key calls, so that
// a cluster may spread them.
func (s *script) each(ctx context.Context, c redis.UniversalClient, keys []string, args ...any) error {
	cmds, err := pipelined(ctx, c, keys, func(key string) []any { return s.call(key, args) })
	if !unknownScript(err) {
		return err
	}
	unknown := keys[:0:0]
	for i, cmd := range cmds {
		switch err := cmd.Err(); {
		case unknownScript(err):
			unknown = append(unknown, keys[i])
		case err != nil:
			return err
		}
	}
	_, err = pipelined(ctx, c, unknown, func(key string) []any { return s.send(key, args) })
	return err
}

func (s *script) call(key string, args []any) []any {
	return append(append(make([]any, 0, 4+len(args)), "evalsha", s.hash, 1, key), args...)
}

func (s *script) send(key string, args []any) []any {
	return append(append(make([]any, 0, 4+len(args)), "eval", s.source, 1, key), args...)
}

// pipelined sends one command for every key and returns them with the first error.
func pipelined(ctx context.Context, c redis.UniversalClient, keys []string, command func(key string) []any) ([]redis.Cmder, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			_ = p.Process(ctx, redis.NewCmd(ctx, command(key)...))
		}
		return nil
	})
}

func unknownScript(err error) bool {
	return err != nil && redis.HasErrorPrefix(err, "NOSCRIPT")
}
