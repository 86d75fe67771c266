package cache_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/cache/cachetest"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/secret"
)

func TestOpenRedisTellsTheKindByTheURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://127.0.0.1:6379/2":                              "single",
		"rediss://user:p%40ss@127.0.0.1:6379":                   "single",
		"unix:///run/redis.sock?db=1":                           "single",
		"redis://127.0.0.1:26379/0?master_name=mymaster":        "single",
		"redis+cluster://127.0.0.1:7000?addr=127.0.0.1:7001":    "cluster",
		"rediss+cluster://user:pass@127.0.0.1:7000?read_only=0": "cluster",
	} {
		c := open(t, url)
		got := "single"
		if _, ok := c.(*redis.ClusterClient); ok {
			got = "cluster"
		}
		if got != want {
			t.Errorf("%s is a %s client, want %s", url, got, want)
		}
	}
}

func TestOpenRedisRefusesWithoutTellingThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "127.0.0.1:6379", "http://user:hush@127.0.0.1", "redis://user:hush@127.0.0.1:port/0",
		"redis://:hush@127.0.0.1:6379/notanumber", "redis://:hush@127.0.0.1:6379/0?unknown=1",
		"postgres+cluster://:hush@127.0.0.1", "redis://:hush@host name/0", "redis://:hush@127.0.0.1/x?master_name=m",
	} {
		c, err := cache.OpenRedis(cache.Settings{URL: secret.New(url)})
		if err == nil {
			_ = c.Close()
			t.Errorf("%q was taken", url)
			continue
		}
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestCheckRedis(t *testing.T) {
	t.Parallel()
	ahead := clock.Func(func() time.Time { return time.Now().Add(time.Minute) })
	for _, c := range []struct {
		name  string
		args  []string
		clock clock.Clock
		want  []string
	}{
		{"healthy", nil, clock.System{}, nil},
		{"evicts everything", []string{"--maxmemory-policy", "allkeys-lru"}, clock.System{}, []string{"noeviction"}},
		{"evicts what expires", []string{"--maxmemory-policy", "volatile-ttl", "--maxmemory", "100mb"}, clock.System{}, []string{"noeviction"}},
		{"would evict but has no limit", []string{"--maxmemory-policy", "volatile-ttl"}, clock.System{}, nil},
		{"another time", nil, ahead, []string{"off"}},
		{"both", []string{"--maxmemory-policy", "allkeys-lfu"}, ahead, []string{"noeviction", "off"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			errs := cache.CheckRedis(t.Context(), openWith(t, cachetest.StartRedis(t, c.args...).URL(), patient), c.clock)
			if len(errs) != len(c.want) {
				t.Fatalf("found %v, want %d complaints", errs, len(c.want))
			}
			for i, err := range errs {
				if !strings.Contains(err.Error(), c.want[i]) {
					t.Errorf("complaint %q does not speak of %q", err, c.want[i])
				}
			}
		})
	}
	if errs := cache.CheckRedis(t.Context(), open(t, "redis://127.0.0.1:1"), clock.System{}); len(errs) != 1 {
		t.Errorf("nobody there: %v", errs)
	}
}
