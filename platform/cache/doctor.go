package cache

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authy2/backend/platform/clock"
)

// tolerableSkew is how far Redis' clock may be off before its expiries end sessions
// noticeably early.
const tolerableSkew = time.Second

// CheckRedis looks for what is usually wrong with a Redis and returns every complaint
// as a sentence that says what to do: a server before 6.2, an eviction policy that would
// drop tombstones, a clock that differs from c by more than a second. It returns nil
// when all is well. Of a cluster it looks at every master.
func CheckRedis(ctx context.Context, client redis.UniversalClient, c clock.Clock) []error {
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		return checkNode(ctx, client, c)
	}
	var mu sync.Mutex
	var all []error
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		found := checkNode(ctx, node, c)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, found...)
		return nil
	})
	if err != nil {
		all = append(all, fmt.Errorf("redis cluster cannot be read; check REDIS_URL: %w", err))
	}
	return all
}

func checkNode(ctx context.Context, client redis.Cmdable, c clock.Clock) []error {
	text, err := client.Info(ctx).Result()
	if err != nil {
		return []error{fmt.Errorf("redis does not answer; check REDIS_URL and that the server runs: %w", err)}
	}
	info := infoFields(text)
	var found []error
	if v := info["redis_version"]; !atLeast(v, 6, 2) {
		found = append(found, fmt.Errorf("redis %s is too old: run 6.2 or later", v))
	}
	if err := checkEviction(info["maxmemory_policy"], info["maxmemory"]); err != nil {
		found = append(found, err)
	}
	before := c.Now()
	remote, err := client.Time(ctx).Result()
	if err != nil {
		return append(found, fmt.Errorf("redis does not tell its time: %w", err))
	}
	trip := c.Now().Sub(before)
	if skew := remote.Sub(before.Add(trip / 2)).Round(time.Millisecond); skew.Abs() > tolerableSkew {
		found = append(found, fmt.Errorf("the clock of redis is %s off: run NTP on both machines", skew))
	}
	return found
}

// checkEviction refuses policies that may drop a tombstone: allkeys-* always, volatile-*
// once a memory limit can make it happen, since every key here has an expiry.
func checkEviction(policy, maxMemory string) error {
	if strings.HasPrefix(policy, "allkeys-") || (strings.HasPrefix(policy, "volatile-") && maxMemory != "0" && maxMemory != "") {
		return fmt.Errorf("redis evicts keys (maxmemory-policy %s), revocations among them: set maxmemory-policy noeviction", policy)
	}
	return nil
}

// infoFields reads the answer of INFO.
func infoFields(text string) map[string]string {
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields
}

// atLeast reports whether a dotted version is major.minor or later. One that cannot be
// read is not.
func atLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, err1 := strconv.Atoi(parts[0])
	b, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (a > major || (a == major && b >= minor))
}
