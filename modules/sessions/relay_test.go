package sessions_test

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// relay stands between a replica and Redis, and can be cut or frozen.
type relay struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	state  relayState
	thaw   chan struct{}
	opened map[net.Conn]struct{}
}

type relayState int

const (
	relayOpen relayState = iota
	relayCut
	relayFrozen
)

// newRelay returns a relay to the Redis at the URL, and the URL of the relay.
func newRelay(t testing.TB, redisURL string) (*relay, string) {
	t.Helper()
	u, err := url.Parse(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, target: u.Host, thaw: make(chan struct{}), opened: map[net.Conn]struct{}{}}
	close(r.thaw)
	t.Cleanup(func() {
		r.set(relayCut)
		_ = l.Close()
	})
	go r.serve()
	u.Host = l.Addr().String()
	return r, u.String()
}

func (r *relay) serve() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		go r.carry(in)
	}
}

func (r *relay) carry(in net.Conn) {
	defer in.Close()
	r.mu.Lock()
	cut := r.state == relayCut
	r.mu.Unlock()
	if cut {
		return
	}
	out, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer out.Close()
	r.mu.Lock()
	r.opened[in], r.opened[out] = struct{}{}, struct{}{}
	r.mu.Unlock()
	var wg sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{in: out, out: in} {
		wg.Go(func() {
			defer to.Close()
			buf := make([]byte, 32<<10)
			for {
				n, err := from.Read(buf)
				if err != nil {
					return
				}
				r.mu.Lock()
				thaw := r.thaw
				r.mu.Unlock()
				<-thaw
				if _, err := to.Write(buf[:n]); err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	r.mu.Lock()
	delete(r.opened, in)
	delete(r.opened, out)
	r.mu.Unlock()
}

// set opens, cuts or freezes the relay.
func (r *relay) set(s relayState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == relayFrozen && s != relayFrozen {
		close(r.thaw)
	}
	if s == relayFrozen && r.state != relayFrozen {
		r.thaw = make(chan struct{})
	}
	r.state = s
	if s == relayCut {
		for c := range r.opened {
			_ = c.Close()
		}
	}
}

// redisThrough opens a cache of its own on the URL.
func redisThrough(t testing.TB, redisURL string) (cache.Sliding, redis.UniversalClient) {
	t.Helper()
	client, err := cache.OpenRedis(cache.Settings{URL: secret.New(redisURL), Patience: 400 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return cache.NewRedisSliding(client), client
}

// pair is two processes on one PostgreSQL and one Redis, which each of them reaches
// through a relay of its own.
type pair struct {
	a, b           *replica
	relayA, relayB *relay
	redis          redis.UniversalClient // past the relays
	backend        platformtest.Backend
}

func newPair(t *testing.T, changes ...func(*setup)) *pair {
	t.Helper()
	backend := platformtest.Postgres(t, lines()...)
	redisURL := platformtest.RedisURL(t)
	p := &pair{backend: backend}
	_, p.redis = redisThrough(t, redisURL)
	var urlA, urlB string
	p.relayA, urlA = newRelay(t, redisURL)
	p.relayB, urlB = newRelay(t, redisURL)
	on := func(redisURL string) func(*setup) {
		return func(s *setup) { s.parts.Cache, _ = redisThrough(t, redisURL) }
	}
	p.a = newReplica(t, backend, append([]func(*setup){on(urlA)}, changes...)...)
	p.b = newReplica(t, backend, append([]func(*setup){on(urlB), with(p.a)}, changes...)...)
	return p
}

// copies returns everything that Redis holds, as a snapshot file would.
func (p *pair) copies(t testing.TB) map[string]string {
	t.Helper()
	keys, err := p.redis.Keys(context.Background(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, k := range keys {
		dump, err := p.redis.Dump(context.Background(), k).Result()
		if err != nil {
			t.Fatal(err)
		}
		out[k] = dump
	}
	return out
}

// restore puts an older copy of everything into Redis, whatever it holds now.
func (p *pair) restore(t testing.TB, copies map[string]string) {
	t.Helper()
	ctx := context.Background()
	if err := p.redis.FlushDB(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	for k, dump := range copies {
		if err := p.redis.RestoreReplace(ctx, k, 8*60*60*1e9, dump).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
