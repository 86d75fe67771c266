package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// deleteIfEqualSource removes the key if it still holds ARGV[1].
const deleteIfEqualSource = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`

// RedisStore is the [Store] that several processes share. Its methods return
// [ErrUnavailable] (wrapped) when Redis is out of reach.
type RedisStore struct {
	client        redis.UniversalClient
	deleteIfEqual script
}

// NewRedisStore returns a Store on the client, which should come from [OpenRedis]. It
// does no I/O.
func NewRedisStore(client redis.UniversalClient) *RedisStore {
	return &RedisStore{client: client, deleteIfEqual: newScript(deleteIfEqualSource)}
}

// Get returns the value of key and whether there is one.
func (s *RedisStore) Get(ctx context.Context, key string) ([]byte, bool, error) {
	b, err := s.client.Get(ctx, key).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, false, nil
	case err != nil:
		return nil, false, unavailable(err)
	}
	return b, true, nil
}

// Set sets key for ttl.
func (s *RedisStore) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := positive(ttl); err != nil {
		return err
	}
	cmd := redis.NewStatusCmd(ctx, "set", key, value, "px", max(ttl.Milliseconds(), 1))
	return unavailable(s.client.Process(ctx, cmd))
}

// SetIfAbsent sets key for ttl unless it exists.
func (s *RedisStore) SetIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if err := positive(ttl); err != nil {
		return false, err
	}
	cmd := redis.NewStatusCmd(ctx, "set", key, value, "nx", "px", max(ttl.Milliseconds(), 1))
	err := s.client.Process(ctx, cmd)
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, unavailable(err)
}

// Delete removes keys, one command each so that a cluster serves it too.
func (s *RedisStore) Delete(ctx context.Context, keys ...string) error {
	_, err := pipelined(ctx, s.client, keys, func(key string) []any { return []any{"del", key} })
	return unavailable(err)
}

// DeleteIfEqual removes key if it still holds value.
func (s *RedisStore) DeleteIfEqual(ctx context.Context, key string, value []byte) (bool, error) {
	ok, err := s.deleteIfEqual.done(ctx, s.client, key, value)
	return ok, unavailable(err)
}

// positive refuses a life that would be none, or for ever.
func positive(ttl time.Duration) error {
	if ttl <= 0 {
		return fmt.Errorf("cache: a value must live for a while, not %s", ttl)
	}
	return nil
}
