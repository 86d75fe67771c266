package platformtest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/secret"
)

// Backend is one of the two ways to run the system, on private stores.
type Backend struct {
	// Name is "sqlite" or "postgres".
	Name string
	// DB is started, migrated and strict.
	DB *database.DB
	// Sliding, Store and Redis are in memory beside SQLite, where Redis is nil, and in a
	// Redis of the test's own beside PostgreSQL.
	Sliding cache.Sliding
	Store   cache.Store
	Redis   redis.UniversalClient
	// Clock stands at the time the test began.
	Clock *FakeClock
	// Jobs only enqueues.
	Jobs *jobs.Client
	// Bus has no subscribers.
	Bus *events.Bus
	// Invalidation is started.
	Invalidation *invalidation.Log
	Log          *slog.Logger
	// Statements counts the SQL statements so far. BEGIN and COMMIT are none, and what
	// the invalidation log reads in the background does not count.
	Statements func() int
}

// Backends runs fn as two parallel subtests, "sqlite" and "postgres", each on a private
// database to which the lines are applied. The kernel's own line comes first and need not
// be given.
func Backends(t *testing.T, lines []migrate.Line, fn func(t *testing.T, b Backend)) {
	t.Helper()
	lines = append([]migrate.Line{migrate.Platform()}, lines...)
	for name, url := range map[string]func(testing.TB, []migrate.Line) string{
		"sqlite": sqliteURL, "postgres": postgresURL,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, newBackend(t, name, url(t, lines)))
		})
	}
}

// SQLite returns one backend on SQLite, for tests that need no second one.
func SQLite(t testing.TB, lines ...migrate.Line) Backend {
	t.Helper()
	return newBackend(t, "sqlite", sqliteURL(t, append([]migrate.Line{migrate.Platform()}, lines...)))
}

// Postgres returns one backend on PostgreSQL and Redis.
func Postgres(t testing.TB, lines ...migrate.Line) Backend {
	t.Helper()
	return newBackend(t, "postgres", postgresURL(t, append([]migrate.Line{migrate.Platform()}, lines...)))
}

// newBackend opens everything on the database at the URL.
func newBackend(t testing.TB, name, url string) Backend {
	t.Helper()
	var statements atomic.Int64
	log := Log(t)
	db := OpenDB(t, database.Settings{
		URL: secret.New(url), MaxConns: 10, Strict: true,
		StatementObserver: func(_ context.Context, sql string) {
			if !strings.Contains(sql, "FROM platform_state s LEFT JOIN") { // the tail on SQLite
				statements.Add(1)
			}
		},
	})
	b := Backend{
		Name: name, DB: db, Clock: NewFakeClock(time.Now()), Bus: events.NewBus(), Log: log,
		Statements: func() int { return int(statements.Load()) },
	}
	b.Jobs = jobs.New(db, b.Clock, log, jobs.Settings{})
	if err := b.Jobs.Start(t.Context()); err != nil {
		t.Fatalf("jobs: %v", err)
	}
	b.Bus.Subscribe(b.Jobs)
	b.Invalidation = invalidation.New(db, clock.System{}, log, invalidation.Settings{})
	// On a busy machine a connection may take longer than the log is willing to wait.
	Eventually(t, startTimeout, "the invalidation log to start", func() bool { return b.Invalidation.Start(t.Context()) == nil })
	t.Cleanup(func() { _ = b.Invalidation.Stop(context.Background()) })
	if name == "sqlite" {
		b.Sliding, b.Store = cache.NewMemorySliding(b.Clock), cache.NewMemoryStore(b.Clock)
		return b
	}
	client, err := cache.OpenRedis(cache.Settings{URL: secret.New(RedisURL(t)), Patience: 5 * time.Second})
	if err != nil {
		t.Fatalf("redis: %v", err)
	}
	t.Cleanup(func() { _ = client.Close() })
	b.Redis, b.Sliding, b.Store = client, cache.NewRedisSliding(client), cache.NewRedisStore(client)
	return b
}

// OpenDB opens and starts a database, which stops with the test.
func OpenDB(t testing.TB, s database.Settings) *database.DB {
	t.Helper()
	db, err := database.Open(s, Log(t))
	if err != nil {
		t.Fatalf("open the database: %v", err)
	}
	t.Cleanup(func() { _ = db.Stop(context.Background()) })
	if err := db.Start(t.Context()); err != nil {
		t.Fatalf("start the database: %v", err)
	}
	return db
}

// postgresURL returns the URL of a fresh, migrated PostgreSQL database.
func postgresURL(t testing.TB, lines []migrate.Line) string {
	t.Helper()
	return newPostgresDatabase(t, migratedTemplate(t, lines))
}

// sqliteTemplates are the migrated files of this binary, by the hash of their lines.
var sqliteTemplates sync.Map

// sqliteURL returns the URL of a fresh, migrated SQLite file: a copy of one that is
// migrated once.
func sqliteURL(t testing.TB, lines []migrate.Line) string {
	t.Helper()
	made, _ := sqliteTemplates.LoadOrStore(hashLines(t, lines), sync.OnceValue(func() []byte {
		path := filepath.Join(t.TempDir(), "template.db")
		migrated(t.Context(), t, database.Settings{URL: secret.New("sqlite:" + path)}, lines)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("sqlite template: %v", err)
		}
		return content
	}))
	content := made.(func() []byte)()
	if len(content) == 0 {
		t.Fatal("the SQLite template could not be made; see the first failure")
	}
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatalf("sqlite: %v", err)
	}
	return "sqlite:" + path
}
