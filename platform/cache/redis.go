package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// pipelineSize is how many single-key calls travel together. It bounds how long one
// pipeline keeps the server and its time-out busy.
const pipelineSize = 256

// shortestTombstone is how long a tombstone stands even where the session's life is
// over by the caller's clock: other replicas' clocks may be behind.
const shortestTombstone = 10 * time.Second

// RedisSliding is the [Sliding] that several processes share. Every call works on one
// key by one script or command, so that a cluster serves it too.
type RedisSliding struct {
	client  redis.UniversalClient
	touches *combiner
	touch   script
	fill    script
	replace script
	put     script
	bury    script
	unbury  script
	forget  script
}

// NewRedisSliding returns a Sliding on the client, which should come from [OpenRedis].
// It does no I/O.
func NewRedisSliding(client redis.UniversalClient) *RedisSliding {
	return &RedisSliding{
		client:  client,
		touches: newCombiner(client),
		touch:   newScript(touchSource),
		fill:    newScript(fillSource),
		replace: newScript(replaceSource),
		put:     newScript(putSource),
		bury:    newScript(burySource),
		unbury:  newScript(deleteIfEqualSource),
		forget:  newScript(forgetSource),
	}
}

// Shared returns true.
func (*RedisSliding) Shared() bool { return true }

// Touch reads key and slides its deadline, in one EVALSHA. Calls of the same moment
// share a pipeline.
func (s *RedisSliding) Touch(ctx context.Context, key string, now time.Time) (Value, State, error) {
	b, err := s.touch.text(ctx, s.touches, key, now.UnixMilli())
	switch {
	case errors.Is(err, redis.Nil):
		return Value{}, Missing, nil
	case err != nil:
		return Value{}, Missing, unavailable(err)
	case len(b) == 0:
		return Value{}, Missing, nil
	}
	switch b[0] {
	case kindValue:
		// A header that cannot be read is not ours; the row behind it still is.
		if v, ok := decode(b); ok {
			return v.slid(now), Live, nil
		}
		return Value{}, Missing, nil
	case 'V':
		if v, ok := decodeAhead(b); ok {
			return v, Live, nil
		}
		return Value{}, Missing, nil
	case 'X':
		return Value{}, Expired, nil
	case kindTombstone:
		return Value{}, Buried, nil
	default:
		return Value{}, Leased, nil
	}
}

// Lease reserves a missing key for the caller.
func (s *RedisSliding) Lease(ctx context.Context, key string, ttl time.Duration) (string, bool, error) {
	token := rand.Text()
	cmd := redis.NewStatusCmd(ctx, "set", key, string(kindLease)+token, "nx", "px", max(ttl.Milliseconds(), 1))
	err := s.client.Process(ctx, cmd)
	switch {
	case errors.Is(err, redis.Nil):
		return "", false, nil
	case err != nil:
		return "", false, unavailable(err)
	}
	return token, true, nil
}

// Fill replaces the caller's lease with v.
func (s *RedisSliding) Fill(ctx context.Context, key, token string, v Value) (bool, error) {
	ok, err := s.fill.done(ctx, s.client, key, string(kindLease)+token, encode(v), lifeEnd(v))
	return ok, unavailable(err)
}

// Replace swaps the value whose payload is old for v.
func (s *RedisSliding) Replace(ctx context.Context, key string, old []byte, v Value) (bool, error) {
	ok, err := s.replace.done(ctx, s.client, key, old, encode(v), lifeEnd(v))
	return ok, unavailable(err)
}

// Put sets the value of a new key.
func (s *RedisSliding) Put(ctx context.Context, key string, v Value) error {
	_, err := s.put.done(ctx, s.client, key, encode(v), lifeEnd(v))
	return unavailable(err)
}

// Bury writes tombstones that the owner may remove. After an error some may stand and some not.
func (s *RedisSliding) Bury(ctx context.Context, keys []string, owner string, now, until time.Time) error {
	// The remaining life is relative, so that the server's own clock does not matter.
	ttl := max(until.Sub(now), shortestTombstone).Milliseconds()
	return s.each(ctx, &s.bury, keys, string(kindTombstone)+owner, ttl)
}

// Unbury removes the owner's tombstones.
func (s *RedisSliding) Unbury(ctx context.Context, keys []string, owner string) error {
	if owner == "" {
		return nil
	}
	return s.each(ctx, &s.unbury, keys, string(kindTombstone)+owner)
}

// Forget removes values.
func (s *RedisSliding) Forget(ctx context.Context, keys []string) error {
	return s.each(ctx, &s.forget, keys)
}

func (s *RedisSliding) each(ctx context.Context, sc *script, keys []string, args ...any) error {
	for part := range slices.Chunk(keys, pipelineSize) {
		if err := sc.each(ctx, s.client, part, args...); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// unavailable wraps err as [ErrUnavailable]. Whatever a cache's trouble is, such as a
// time-out, a fail-over, a full memory or a wrong password, its caller goes to the database.
func unavailable(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
