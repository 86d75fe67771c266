package cache_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/cache/cachetest"
	"github.com/authy2/backend/platform/clock"
)

// TestCluster runs every rule on a cluster of two nodes, which refuses commands on keys of
// different nodes.
func TestCluster(t *testing.T) {
	t.Parallel()
	client, _ := startCluster(t, patient)
	if errs := cache.CheckRedis(t.Context(), client, clock.System{}); len(errs) != 0 {
		t.Errorf("a healthy cluster is complained about: %v", errs)
	}
	var next atomic.Int64
	t.Run("sliding", func(t *testing.T) {
		t.Parallel()
		cachetest.ExerciseSliding(t, func(*testing.T) cache.Sliding {
			return prefixed{cache.NewRedisSliding(client), fmt.Sprint(next.Add(1), ":")}
		})
	})
	store := cache.NewRedisStore(client)
	if err := store.Delete(t.Context(), "a", "b", "c", "d"); err != nil {
		t.Errorf("delete on several nodes: %v", err)
	}
}

// TestFrozenClusterNode shows that a node that hangs costs its own keys alone.
func TestFrozenClusterNode(t *testing.T) {
	t.Parallel()
	client, nodes := startCluster(t, 0)
	s := cache.NewRedisSliding(client)
	const here, there = "b", "a" // slots 3300 and 15495
	touch := func(key string) (time.Duration, error) {
		start := time.Now()
		_, _, err := s.Touch(t.Context(), key, start)
		return time.Since(start), err
	}
	for _, key := range []string{here, there} {
		if _, err := touch(key); err != nil {
			t.Fatal(err)
		}
	}
	nodes[1].Freeze()
	slow := 0
	for range 200 {
		if _, err := touch(here); err != nil {
			t.Fatalf("a key of the other node: %v", err)
		}
		d, err := touch(there)
		if err == nil || d > time.Second {
			t.Fatalf("a key of the frozen node: %v after %s", err, d)
		}
		if d > 50*time.Millisecond {
			slow++
		}
	}
	if slow > 10 {
		t.Errorf("%d of 200 callers waited", slow)
	}
	nodes[1].Thaw()
	cachetest.Eventually(t, 2*time.Second, "use of the node that is back", func() bool {
		_, err := touch(there)
		return err == nil
	})
}

// startCluster joins two servers and gives each half of the slots.
func startCluster(t *testing.T, patience time.Duration) (redis.UniversalClient, []*cachetest.Server) {
	t.Helper()
	nodes := make([]*cachetest.Server, 2)
	for i := range nodes {
		nodes[i] = cachetest.StartRedis(t, "--cluster-enabled", "yes", "--databases", "1")
		node := redis.NewClient(&redis.Options{Addr: nodes[i].Address()})
		defer node.Close()
		if err := node.ClusterAddSlotsRange(t.Context(), i*8192, i*8192+8191).Err(); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			continue
		}
		host, port, _ := net.SplitHostPort(nodes[0].Address())
		if err := node.ClusterMeet(t.Context(), host, port).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		node := redis.NewClient(&redis.Options{Addr: n.Address()})
		defer node.Close()
		cachetest.Eventually(t, 20*time.Second, "a whole cluster", func() bool {
			slots, err := node.ClusterSlots(t.Context()).Result() //nolint:staticcheck // its successor needs Redis 7, and 6.2 is supported
			info := node.ClusterInfo(t.Context()).Val()
			return err == nil && len(slots) == 2 && len(info) > 16 && info[:16] == "cluster_state:ok"
		})
	}
	return openWith(t, "redis+cluster://"+nodes[0].Address(), patience), nodes
}

// prefixed gives each rule keys of its own in a database that all share.
type prefixed struct {
	cache.Sliding
	prefix string
}

func (p prefixed) all(keys []string) []string {
	with := make([]string, len(keys))
	for i, k := range keys {
		with[i] = p.prefix + k
	}
	return with
}

func (p prefixed) Touch(ctx context.Context, key string, now time.Time) (cache.Value, cache.State, error) {
	return p.Sliding.Touch(ctx, p.prefix+key, now)
}

func (p prefixed) Lease(ctx context.Context, key string, ttl time.Duration) (string, bool, error) {
	return p.Sliding.Lease(ctx, p.prefix+key, ttl)
}

func (p prefixed) Fill(ctx context.Context, key, token string, v cache.Value) (bool, error) {
	return p.Sliding.Fill(ctx, p.prefix+key, token, v)
}

func (p prefixed) Replace(ctx context.Context, key string, old []byte, v cache.Value) (bool, error) {
	return p.Sliding.Replace(ctx, p.prefix+key, old, v)
}

func (p prefixed) Put(ctx context.Context, key string, v cache.Value) error {
	return p.Sliding.Put(ctx, p.prefix+key, v)
}

func (p prefixed) Bury(ctx context.Context, keys []string, owner string, now, until time.Time) error {
	return p.Sliding.Bury(ctx, p.all(keys), owner, now, until)
}

func (p prefixed) Unbury(ctx context.Context, keys []string, owner string) error {
	return p.Sliding.Unbury(ctx, p.all(keys), owner)
}

func (p prefixed) Forget(ctx context.Context, keys []string) error {
	return p.Sliding.Forget(ctx, p.all(keys))
}

// TestSentinel finds the master through a sentinel.
func TestSentinel(t *testing.T) {
	t.Parallel()
	master := cachetest.StartRedis(t)
	host, port, _ := net.SplitHostPort(master.Address())
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	text := "sentinel monitor mymaster " + host + " " + port + " 1\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := cachetest.StartSentinel(t, config)
	client := open(t, "redis://"+sentinel.Address()+"/"+strconv.Itoa(5)+"?master_name=mymaster")
	s := cache.NewRedisSliding(client)
	now := time.Now()
	v := cache.Value{Idle: time.Minute, Cap: now.Add(time.Hour), Deadline: now.Add(time.Minute), Payload: []byte("p")}
	cachetest.Eventually(t, 5*time.Second, "a master", func() bool { return s.Put(t.Context(), "k", v) == nil })
	direct := redis.NewClient(&redis.Options{Addr: master.Address(), DB: 5})
	defer direct.Close()
	if direct.Exists(t.Context(), "k").Val() != 1 {
		t.Error("the value is not in the master's database 5")
	}
	master.Kill()
	if err := s.Put(t.Context(), "k", v); err == nil {
		t.Error("a dead master took a value")
	}
}
