package ratelimit

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authy2/backend/platform/clock"
)

// reserveSource is Reserve in one step on one key. A bucket is "count last before", with
// times in Unix milliseconds. ARGV: now, Free, Base, Max, Forget. It answers the wait.
const reserveSource = `
local now, free, base, most, forget = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local function delay(n)
  if n < free then return 0 end
  return math.min(base * 2 ^ math.min(n - free, 30), most)
end
local n, last = 0, 0
local v = redis.call('GET', KEYS[1])
if v then
  local a, b = string.match(v, '^(%d+) (%d+) ')
  n, last = tonumber(a) or 0, tonumber(b) or 0
  if now >= last + math.max(forget, delay(n)) then n, last = 0, 0 end
end
local d = delay(n)
if d > 0 and now < last + d then return math.min(last + d - now, d) end
n = math.min(n + 1, free + 31)
redis.call('SET', KEYS[1], string.format('%d %d %d', n, now, last), 'PX', math.max(forget, delay(n), 1))
return 0
`

// releaseSource is Release.
const releaseSource = `
local v = redis.call('GET', KEYS[1])
if not v then return 0 end
local a, last, before = string.match(v, '^(%d+) (%d+) (%d+)$')
local n = (tonumber(a) or 0) - 1
if n <= 0 then return redis.call('DEL', KEYS[1]) end
if before == '0' then before = last end
redis.call('SET', KEYS[1], string.format('%d %s %s', n, before, before), 'KEEPTTL')
return 1
`

// redisGrowing counts in Redis for all processes together.
type redisGrowing struct {
	client  redis.UniversalClient
	prefix  string
	clock   clock.Clock
	reserve *redis.Script
	release *redis.Script
}

func newRedisGrowing(client redis.UniversalClient, prefix string, c clock.Clock) *redisGrowing {
	return &redisGrowing{
		client: client, prefix: prefix + ":", clock: c,
		reserve: redis.NewScript(reserveSource), release: redis.NewScript(releaseSource),
	}
}

func (g *redisGrowing) Reserve(ctx context.Context, bucket string, p Policy) (time.Duration, error) {
	wait, err := g.reserve.Run(ctx, g.client, []string{g.prefix + bucket},
		g.clock.Now().UnixMilli(), p.Free, p.Base.Milliseconds(), p.Max.Milliseconds(), p.Forget.Milliseconds()).Int64()
	return time.Duration(wait) * time.Millisecond, err
}

func (g *redisGrowing) Succeed(ctx context.Context, bucket string) error {
	return g.client.Del(ctx, g.prefix+bucket).Err()
}

func (g *redisGrowing) Release(ctx context.Context, bucket string) error {
	return g.release.Run(ctx, g.client, []string{g.prefix + bucket}).Err()
}

// NewGrowing returns the Growing of the settings: in Redis when there is one, and in
// memory otherwise and whenever Redis is out of reach. Its methods never fail. Enabled
// plays no part: see [NewGuard].
func NewGrowing(s Settings, c clock.Clock) Growing {
	memory := NewMemoryGrowing(c)
	if s.Redis == nil {
		return memory
	}
	return &fallbackGrowing{shared: newRedisGrowing(s.Redis, s.prefix(), c), own: memory}
}

// fallbackGrowing counts in this process while the shared count is out of reach: guesses
// are slowed down less exactly then, but they are.
type fallbackGrowing struct {
	shared Growing
	own    *MemoryGrowing
}

func (g *fallbackGrowing) Reserve(ctx context.Context, bucket string, p Policy) (time.Duration, error) {
	// A client that hangs up must not thereby choose where it is counted.
	wait, err := g.shared.Reserve(context.WithoutCancel(ctx), bucket, p)
	if err != nil {
		return g.own.Reserve(ctx, bucket, p)
	}
	return wait, nil
}

func (g *fallbackGrowing) Succeed(ctx context.Context, bucket string) error {
	// What cannot be reset over there is forgotten there in time.
	_ = g.shared.Succeed(context.WithoutCancel(ctx), bucket)
	return g.own.Succeed(ctx, bucket)
}

func (g *fallbackGrowing) Release(ctx context.Context, bucket string) error {
	if err := g.shared.Release(context.WithoutCancel(ctx), bucket); err != nil {
		return g.own.Release(ctx, bucket)
	}
	return nil
}
