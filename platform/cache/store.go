package cache

import (
	"context"
	"time"
)

// Store is a plain cache of small values, such as leases, counters and marks.
type Store interface {
	// Get returns the value of key and whether there is one.
	Get(ctx context.Context, key string) ([]byte, bool, error)
	// Set sets key for ttl, which must be positive.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// SetIfAbsent sets key for ttl unless it exists, and reports whether it did.
	SetIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)
	// Delete removes keys. Keys that do not exist are no error.
	Delete(ctx context.Context, keys ...string) error
	// DeleteIfEqual removes key if it still holds value, and reports whether it did.
	DeleteIfEqual(ctx context.Context, key string, value []byte) (bool, error)
}
