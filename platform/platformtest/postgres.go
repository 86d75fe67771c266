package platformtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/secret"
)

// postgresServer is this binary's PostgreSQL, started when it is first asked for.
var postgresServer = sync.OnceValues(func() (*server, error) {
	if s, err := given("TEST_POSTGRES_URL"); s != nil || err != nil {
		return s, err
	}
	return startPostgres()
})

// startPostgres makes and starts a server that does not wait for the disk.
func startPostgres() (*server, error) {
	folders := []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin"}
	initdb, err := find("initdb", folders...)
	if err != nil {
		return nil, err
	}
	dir, as, err := newFolder("postgres")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	out, err := command(dir, as, initdb, "--pgdata", data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w\n%s", err, out), os.RemoveAll(dir))
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	at := &url.URL{Scheme: "postgres", User: url.User("postgres"), Host: "127.0.0.1:" + strconv.Itoa(port), Path: "/postgres", RawQuery: "sslmode=disable"}
	ready := func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, at.String())
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
	return start(dir, as, at, ready, filepath.Join(filepath.Dir(initdb), "postgres"),
		"-D", data, "-p", strconv.Itoa(port), "-k", dir, "-h", "127.0.0.1",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB")
}

// PostgresURL returns the URL of a private, empty database, which goes with the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return newPostgresDatabase(t, "")
}

// newPostgresDatabase makes a database from a template; an empty one from none.
func newPostgresDatabase(t testing.TB, template string) string {
	t.Helper()
	name := "test_" + hex.EncodeToString(uuidBytes())
	statement := "CREATE DATABASE " + name
	if template != "" {
		statement += " TEMPLATE " + template
	}
	postgresAdmin(t, func(ctx context.Context, admin *pgx.Conn) error {
		_, err := admin.Exec(ctx, statement)
		return err
	})
	t.Cleanup(func() {
		postgresAdmin(t, func(ctx context.Context, admin *pgx.Conn) error {
			_, err := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
			return err
		})
	})
	return postgresURLOf(t, name)
}

func uuidBytes() []byte {
	id := uuid.New()
	return id[:]
}

// postgresURLOf returns the server's URL for one of its databases.
func postgresURLOf(t testing.TB, name string) string {
	t.Helper()
	server, err := postgresServer()
	if err != nil {
		t.Fatalf("this test needs PostgreSQL: %v", err)
	}
	at := *server.url
	at.Path = "/" + name
	return at.String()
}

// postgresAdmin runs fn on a connection to the server's own database.
func postgresAdmin(t testing.TB, fn func(ctx context.Context, admin *pgx.Conn) error) {
	t.Helper()
	server, err := postgresServer()
	if err != nil {
		t.Fatalf("this test needs PostgreSQL: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	admin, err := pgx.Connect(ctx, server.url.String())
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	defer func() { _ = admin.Close(ctx) }()
	if err := fn(ctx, admin); err != nil {
		t.Fatalf("PostgreSQL: %v", err)
	}
}

// migratedTemplate returns the name of a template database with the lines applied, which
// it makes when there is none. Its name is a hash of the lines, so that all tests of all
// binaries on one server share it.
func migratedTemplate(t testing.TB, lines []migrate.Line) string {
	t.Helper()
	name := "template_" + hashLines(t, lines)
	postgresAdmin(t, func(ctx context.Context, admin *pgx.Conn) error {
		key := fnv.New64a()
		_, _ = key.Write([]byte(name))
		if _, err := admin.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(key.Sum64())); err != nil {
			return err
		}
		var ready bool
		err := admin.QueryRow(ctx, "SELECT coalesce(bool_or(datistemplate), false) FROM pg_database WHERE datname = $1", name).Scan(&ready)
		if err != nil || ready {
			return err
		}
		if _, err := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			return err
		}
		if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
			return err
		}
		migrated(ctx, t, database.Settings{URL: secret.New(postgresURLOf(t, name)), MaxConns: 2}, lines)
		_, err = admin.Exec(ctx, "ALTER DATABASE "+name+" WITH is_template true")
		return err
	})
	return name
}

// migrated applies the lines to a database and closes it.
func migrated(ctx context.Context, t testing.TB, s database.Settings, lines []migrate.Line) {
	t.Helper()
	db, err := database.Open(s, Log(t))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer func() { _ = db.Stop(ctx) }()
	if err := db.Start(ctx); err != nil {
		t.Fatalf("start: %v", err)
	}
	if err := migrate.New(db, lines, Log(t)).Up(ctx, nil); err != nil {
		t.Fatalf("migrate: %v", err)
	}
}

// hashLines names the lines by what they hold.
func hashLines(t testing.TB, lines []migrate.Line) string {
	t.Helper()
	sum := sha256.New()
	for _, l := range lines {
		fmt.Fprintln(sum, "line", l.Name)
		for _, step := range l.Go {
			fmt.Fprintln(sum, "step", step.Name)
		}
		if l.FS == nil {
			continue
		}
		err := fs.WalkDir(l.FS, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := fs.ReadFile(l.FS, path)
			fmt.Fprintf(sum, "file %s %d\n%s", path, len(content), content)
			return err
		})
		if err != nil {
			t.Fatalf("read line %s: %v", l.Name, err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:24]
}
