package platformtest

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// redisDatabases is how many logical databases a test server has. The first counts the
// tests.
const redisDatabases = 1024

// redisServer is this binary's Redis, started when it is first asked for.
var redisServer = sync.OnceValues(func() (*server, error) {
	if s, err := given("TEST_REDIS_URL"); s != nil || err != nil {
		return s, err
	}
	program, err := find("redis-server")
	if err != nil {
		return nil, err
	}
	dir, as, err := newFolder("redis")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	at := &url.URL{Scheme: "redis", Host: "127.0.0.1:" + strconv.Itoa(port), Path: "/0"}
	client := redis.NewClient(&redis.Options{Addr: at.Host, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	return start(dir, as, at, func(ctx context.Context) error { return client.Ping(ctx).Err() }, program,
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no",
		"--databases", strconv.Itoa(redisDatabases))
})

// RedisURL returns the URL of an empty logical database that no other test uses at the
// same time.
func RedisURL(t testing.TB) string {
	t.Helper()
	server, err := redisServer()
	if err != nil {
		t.Fatalf("this test needs Redis: %v", err)
	}
	options, err := redis.ParseURL(server.url.String())
	if err != nil {
		t.Fatalf("TEST_REDIS_URL: %v", err)
	}
	options.DB = 0
	counter := redis.NewClient(options)
	defer func() { _ = counter.Close() }()
	n, err := counter.Incr(t.Context(), "authy2:tests").Result()
	if err != nil {
		t.Fatalf("redis: %v", err)
	}
	// A server that was not made for tests has 16 databases; one for each test is better.
	index := int(n%(redisDatabases-1)) + 1
	options.DB = index
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	if err := client.FlushDB(t.Context()).Err(); err != nil {
		t.Fatalf("redis database %d (the server needs --databases %d): %v", index, redisDatabases, err)
	}
	at := *server.url
	at.Path = fmt.Sprintf("/%d", index)
	return at.String()
}
