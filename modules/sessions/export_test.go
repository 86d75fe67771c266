package sessions

import (
	"context"
	"time"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/invalidation"
)

// What the tests of the protocol look at from outside.

// Encode and Decode are the layout of a cached value.
func Encode(p *authn.Principal, stamp int64) ([]byte, error) {
	return encode(p, invalidation.Position(stamp))
}

// Decode reads what Encode wrote.
func Decode(payload []byte) (authn.Principal, int64, error) {
	var p authn.Principal
	stamp, _, err := decode(payload, &p)
	return p, int64(stamp), err
}

// KeyOf is the cache key of a token.
func (s *Service) KeyOf(token string) string {
	h, ok := parseToken(token)
	if !ok {
		panic("not a token: " + token)
	}
	return key(s.log.Epoch(), h)
}

// HashOf is what is stored of a token.
func HashOf(token string) ([]byte, bool) {
	h, ok := parseToken(token)
	return h[:], ok
}

// Cache is the cache that the service uses.
func (s *Service) Cache() cache.Sliding { return s.tombs.cache }

// Flush writes activity back now.
func (s *Service) Flush(ctx context.Context) error { return s.activity.flush(ctx) }

// Subscriptions are what the service hears.
func (s *Service) Subscriptions() []events.Subscription { return s.subscriptions() }

// Interval and Slack are the write-back interval and the patience of the clean-up.
func (c Config) Interval() time.Duration { return c.interval() }

// Slack is how long a row outlives its deadline.
func (c Config) Slack() time.Duration { return c.slack() }

// Endpoints are the operations of the service.
func (s *Service) Endpoints() []httpx.Endpoint { return handler{s}.endpoints() }

// DeviceOf reads a user agent.
func DeviceOf(header string) Device { return deviceOf(header) }

// MaxDeviceField bounds every field of a device.
const MaxDeviceField = maxDeviceField
