package database_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// wire stands between the database and its server. It can be frozen, so that nothing
// passes while connections stay open, or cut.
type wire struct {
	mu     sync.Mutex
	open   *sync.Cond
	frozen bool
	down   bool
	conns  []net.Conn
	// swallow, when set, is asked about what the client sends; true freezes the wire
	// after it has passed, so that the answer is lost.
	swallow func(sent []byte) bool
}

// newWire returns a wire to PostgreSQL and the URL of its near end.
func newWire(t *testing.T, rawURL string) (*wire, string) {
	t.Helper()
	at, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	far := at.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	w.open = sync.NewCond(&w.mu)
	t.Cleanup(func() {
		_ = l.Close()
		w.cut()
		w.thaw()
	})
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			w.connect(near, far)
		}
	}()
	at.Host = l.Addr().String()
	return w, at.String()
}

func (w *wire) connect(near net.Conn, far string) {
	w.mu.Lock()
	down := w.down
	w.mu.Unlock()
	server, err := net.Dial("tcp", far)
	if down || err != nil {
		_ = near.Close()
		return
	}
	w.mu.Lock()
	w.conns = append(w.conns, near, server)
	w.mu.Unlock()
	go w.pump(near, server, true)
	go w.pump(server, near, false)
}

func (w *wire) pump(from, to net.Conn, client bool) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		w.mu.Lock()
		swallow := client && w.swallow != nil && w.swallow(buffer[:n])
		for w.frozen && !swallow {
			w.open.Wait()
		}
		if swallow {
			w.frozen = true
		}
		w.mu.Unlock()
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (w *wire) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = true
}

func (w *wire) thaw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen, w.down = false, false
	w.open.Broadcast()
}

// cut closes every connection and accepts no more.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// behindWire returns a database on PostgreSQL behind a wire.
func behindWire(t *testing.T, s database.Settings) (*wire, *database.DB) {
	t.Helper()
	w, at := newWire(t, platformtest.PostgresURL(t))
	s.URL = secret.New(at)
	db := platformtest.OpenDB(t, s)
	if err := migrate.New(db, things(), platformtest.Log(t)).Up(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return w, db
}

// uses are the ways to use the database.
func uses(db *database.DB) map[string]func(ctx context.Context) error {
	stmt := db.Prepare("SELECT count(*) FROM things")
	return map[string]func(ctx context.Context) error{
		"read": func(ctx context.Context) error {
			_, err := db.Read().NewSelect().Model((*thing)(nil)).Count(ctx)
			return err
		},
		"prepared": func(ctx context.Context) error { return stmt.QueryRow(ctx).Scan(new(int)) },
		"write": func(ctx context.Context) error {
			return db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.NewUpdate().Model((*thing)(nil)).Set("n = n + 1").Where("true").Exec(ctx)
				return err
			})
		},
		"ping": db.Ping,
	}
}

// check uses the database in every way, several times at once, and hands each error over.
func check(t *testing.T, db *database.DB, each func(how string, err error)) {
	t.Helper()
	var wg sync.WaitGroup
	for how, use := range uses(db) {
		for range 6 { // more than there are connections
			wg.Go(func() { each(how, use(t.Context())) })
		}
	}
	wg.Wait()
}

func TestFrozenPostgres(t *testing.T) {
	t.Parallel()
	w, db := behindWire(t, database.Settings{MaxConns: 4, Timeout: time.Second, ConnectTimeout: time.Second})
	check(t, db, func(how string, err error) {
		if err != nil {
			t.Errorf("before: %s: %v", how, err)
		}
	})
	w.freeze()
	for range 2 { // the second time no idle connection is left
		began := time.Now()
		check(t, db, func(how string, err error) {
			if !errors.Is(err, apperr.ErrUnavailable) || apperr.From(err).RetryAfter() != time.Second {
				t.Errorf("frozen: %s: %v", how, err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("frozen: %s took %s", how, took)
			}
		})
	}
	w.cut()
	w.thaw()
	platformtest.Eventually(t, 2*time.Second, "the database to be back", func() bool { return db.Ping(t.Context()) == nil })
	check(t, db, func(how string, err error) {
		if err != nil {
			t.Errorf("after: %s: %v", how, err)
		}
	})
}

func TestStoppedPostgres(t *testing.T) {
	t.Parallel()
	w, db := behindWire(t, database.Settings{MaxConns: 4, Timeout: 2 * time.Second})
	check(t, db, func(string, error) {})
	w.cut()
	check(t, db, func(how string, err error) {
		if !errors.Is(err, apperr.ErrUnavailable) {
			t.Errorf("stopped: %s: %v", how, err)
		}
	})
	w.thaw()
	platformtest.Eventually(t, 2*time.Second, "the database to be back", func() bool {
		var failed atomic.Int64
		check(t, db, func(_ string, err error) {
			if err != nil {
				failed.Add(1)
			}
		})
		return failed.Load() == 0
	})
}

// TestTerminatedConnections is pg_terminate_backend, or a restart: connections end from
// the other side while they are idle, and while they are used.
func TestTerminatedConnections(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t, things()...)
	kill := "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database() AND application_name = 'authy2'"
	inTransaction := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewInsert().Model(&thing{ID: "a", Name: "a"}).Exec(ctx); err != nil {
			return err
		}
		other, closeOther, err := b.DB.Maintenance()
		if err != nil {
			return err
		}
		defer func() { _ = closeOther() }()
		if _, err := other.ExecContext(t.Context(), kill); err != nil {
			return err
		}
		_, err = tx.NewInsert().Model(&thing{ID: "b", Name: "b"}).Exec(ctx)
		return err
	})
	if !errors.Is(inTransaction, apperr.ErrUnavailable) {
		t.Errorf("killed in a transaction: %v", inTransaction)
	}
	if got := names(t, b.DB); len(got) != 0 {
		t.Errorf("half a transaction: %v", got)
	}
}

func TestLostAnswerToCommit(t *testing.T) {
	t.Parallel()
	w, db := behindWire(t, database.Settings{MaxConns: 2, Timeout: time.Second})
	ran := 0
	hooked := false
	w.mu.Lock()
	w.swallow = func(sent []byte) bool { return strings.Contains(strings.ToLower(string(sent)), "commit") }
	w.mu.Unlock()
	err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		ran++
		database.AfterCommit(ctx, func(context.Context) { hooked = true })
		database.AfterRollback(ctx, func(context.Context) { hooked = true })
		_, err := tx.NewInsert().Model(&thing{ID: "a", Name: "a"}).Exec(ctx)
		return err
	})
	var unknown *database.CommitUnknown
	if !errors.As(err, &unknown) || !errors.Is(err, apperr.ErrUnavailable) {
		t.Fatalf("InTx = %v, want CommitUnknown", err)
	}
	if ran != 1 || hooked {
		t.Errorf("ran %d times, a hook ran: %v", ran, hooked)
	}
	w.mu.Lock()
	w.swallow = nil
	w.mu.Unlock()
	w.cut()
	w.thaw()
	platformtest.Eventually(t, 2*time.Second, "the record to be found by its id", func() bool {
		n, err := db.Read().NewSelect().Model((*thing)(nil)).Where("id = ?", "a").Count(t.Context())
		return err == nil && n == 1
	})
}

func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	db := platformtest.OpenDB(t, database.Settings{URL: secret.New(platformtest.PostgresURL(t)), Timeout: 300 * time.Millisecond})
	_, err := db.Read().ExecContext(t.Context(), "SELECT pg_sleep(30)")
	if !errors.Is(err, apperr.ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	err = db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT pg_sleep(30)")
		return err
	})
	if !errors.Is(err, apperr.ErrUnavailable) {
		t.Errorf("write: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, things()...)
	if err := insert(t.Context(), b.DB, "a"); err != nil {
		t.Fatal(err)
	}
	// SQLite answers SQLITE_FULL when the file may not grow, as when the disk is full.
	if _, err := b.DB.Writer().ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&thing{ID: "b", Name: strings.Repeat("x", 1<<20)}).Exec(ctx)
		return err
	})
	if !errors.Is(err, apperr.ErrUnavailable) {
		t.Errorf("InTx on a full disk = %v", err)
	}
	if got := names(t, b.DB); len(got) != 1 {
		t.Errorf("reading on a full disk: %v", got)
	}
	if _, err := b.DB.Writer().ExecContext(t.Context(), "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if err := insert(t.Context(), b.DB, "c"); err != nil {
		t.Errorf("once there is room again: %v", err)
	}
}

func TestSQLiteFilePermissions(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "authy2.db")
	db := platformtest.OpenDB(t, database.Settings{URL: secret.New("sqlite:" + path), Exclusive: true})
	if err := migrate.New(db, things(), platformtest.Log(t)).Up(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 4 { // the database, -wal, -shm, .lock
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o", filepath.Base(file), mode)
		}
	}
}

func TestOneServerPerSQLiteFile(t *testing.T) {
	t.Parallel()
	url := secret.New("sqlite:" + filepath.Join(t.TempDir(), "authy2.db"))
	first := platformtest.OpenDB(t, database.Settings{URL: url, Exclusive: true})
	second, err := database.Open(database.Settings{URL: url, Exclusive: true}, platformtest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "already serves") {
		t.Errorf("a second server: %v", err)
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	command := platformtest.OpenDB(t, database.Settings{URL: url})
	if err := command.Ping(t.Context()); err != nil {
		t.Errorf("a command beside the server: %v", err)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	platformtest.OpenDB(t, database.Settings{URL: url, Exclusive: true})
}
