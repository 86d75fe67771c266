package migrate_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// line returns a line of SQL files: name → content.
func line(name string, files map[string]string) migrate.Line {
	fs := fstest.MapFS{}
	for file, content := range files {
		fs[file] = &fstest.MapFile{Data: []byte(content)}
	}
	return migrate.Line{Name: name, FS: fs}
}

// zoo is a line of two steps.
func zoo() migrate.Line {
	return line("zoo", map[string]string{
		"20260101000000_animals.tx.up.sql": "CREATE TABLE zoo_animals (id {{.UUID}} PRIMARY KEY, born {{.Timestamp}} NOT NULL, tags {{.JSON}}, photo {{.Bytes}}, tame {{.Bool}});\n" +
			"CREATE INDEX zoo_animals_born_idx ON zoo_animals (born);",
		"20260101000000_animals.tx.down.sql": "DROP TABLE zoo_animals;",
		"20260102000000_cages.tx.up.sql":     "CREATE TABLE zoo_cages (id {{.AutoID}}, made {{.Timestamp}} NOT NULL DEFAULT {{.Now}});",
		"20260102000000_cages.tx.down.sql":   "DROP TABLE zoo_cages;",
	})
}

// each runs fn on an empty database of either kind.
func each(t *testing.T, fn func(t *testing.T, open func() *database.DB)) {
	t.Helper()
	for name, url := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") },
		"postgres": func(t *testing.T) string { return platformtest.PostgresURL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := secret.New(url(t))
			fn(t, func() *database.DB { return platformtest.OpenDB(t, database.Settings{URL: at, Strict: true}) })
		})
	}
}

func exists(t *testing.T, db *database.DB, table string) bool {
	t.Helper()
	_, err := db.Read().NewSelect().Table(table).Count(t.Context())
	return err == nil
}

func TestUpAndDown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func() *database.DB) {
		db := open()
		m := migrate.New(db, []migrate.Line{migrate.Platform(), zoo()}, platformtest.Log(t))
		if s := status(t, m); len(s[1].Pending) != 2 || len(s[1].Applied) != 0 {
			t.Errorf("before: %+v", s)
		}
		var told []string
		if err := m.Up(t.Context(), func(s string) { told = append(told, s) }); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"platform: applied 20261124090000_state", "platform: applied 20261124090100_river",
			"platform: applied 20261124133500_create_mails",
			"zoo: applied 20260101000000_animals", "zoo: applied 20260102000000_cages",
		}
		if !slices.Equal(told, want) {
			t.Errorf("progress %q, want %q", told, want)
		}
		told = nil
		if err := m.Up(t.Context(), func(s string) { told = append(told, s) }); err != nil || len(told) != 0 {
			t.Errorf("a second time: %v, %q", err, told)
		}
		if s := status(t, m); len(s[1].Pending) != 0 || len(s[1].Applied) != 2 || s[1].Applied[0].At.IsZero() {
			t.Errorf("after: %+v", s)
		}
		if err := m.Down(t.Context(), "zoo", 1); err != nil {
			t.Fatal(err)
		}
		if !exists(t, db, "zoo_animals") || exists(t, db, "zoo_cages") {
			t.Error("one step down is not one step down")
		}
		if err := m.Up(t.Context(), nil); err != nil || !exists(t, db, "zoo_cages") {
			t.Errorf("up again: %v", err)
		}
		for _, line := range []string{"zoo", "platform"} {
			if err := m.Down(t.Context(), line, 99); err != nil {
				t.Errorf("down %s: %v", line, err)
			}
		}
		for _, table := range []string{"zoo_animals", "platform_state", "river_job", "river_migration"} {
			if exists(t, db, table) {
				t.Errorf("%s is still there", table)
			}
		}
		if err := m.Up(t.Context(), nil); err != nil {
			t.Errorf("up from the bottom: %v", err)
		}
		if err := m.Down(t.Context(), "circus", 1); err == nil || !strings.Contains(err.Error(), "platform, zoo") {
			t.Errorf("down an unknown line: %v", err)
		}
	})
}

func status(t *testing.T, m *migrate.Migrator) []migrate.Status {
	t.Helper()
	s, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEightReplicasMigrateOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func() *database.DB) {
		var ran sync.Map
		counting := zoo()
		counting.Go = []migrate.Step{{
			Name: "20260103000000_count",
			Up: func(context.Context, *bun.DB) error {
				n, _ := ran.LoadOrStore("n", new(int))
				*n.(*int)++ // the race detector sees two at a time
				return nil
			},
			Down: func(context.Context, *bun.DB) error { return nil },
		}}
		var wg sync.WaitGroup
		for range 8 {
			db := open()
			wg.Go(func() {
				if err := migrate.New(db, []migrate.Line{migrate.Platform(), counting}, platformtest.Log(t)).Up(t.Context(), nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		n, _ := ran.Load("n")
		if n == nil || *n.(*int) != 1 {
			t.Errorf("the step ran %v times", n)
		}
	})
}

// TestFailedStepLeavesNothing breaks a step in the middle; what came before it stays, the
// step itself leaves no trace, and the repaired step goes on from there.
func TestFailedStepLeavesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func() *database.DB) {
		db := open()
		broken := zoo()
		repaired := broken.FS
		broken.FS = fstest.MapFS{}
		for name, file := range repaired.(fstest.MapFS) {
			broken.FS.(fstest.MapFS)[name] = file
		}
		broken.FS.(fstest.MapFS)["20260102000000_cages.tx.up.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE zoo_cages (id {{.AutoID}});\nCREATE TABLE zoo_animals (id {{.Int}});")}
		err := migrate.New(db, []migrate.Line{broken}, platformtest.Log(t)).Up(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), "line zoo: step 20260102000000_cages failed") {
			t.Fatalf("Up = %v", err)
		}
		if !exists(t, db, "zoo_animals") || exists(t, db, "zoo_cages") {
			t.Error("the failed step left half of its work")
		}
		m := migrate.New(db, []migrate.Line{zoo()}, platformtest.Log(t))
		if s := status(t, m); len(s[0].Applied) != 1 || !slices.Equal(s[0].Pending, []string{"20260102000000_cages"}) {
			t.Errorf("status %+v", s)
		}
		if err := m.Up(t.Context(), nil); err != nil || !exists(t, db, "zoo_cages") {
			t.Errorf("the repaired step: %v", err)
		}
	})
}

// TestOldReleaseAcceptsNewerSteps is an upgrade with both releases side by side.
func TestOldReleaseAcceptsNewerSteps(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func() *database.DB) {
		db := open()
		newer := zoo()
		newer.Go = []migrate.Step{{
			Name: "20260601000000_feed",
			Up:   func(context.Context, *bun.DB) error { return nil },
			Down: func(context.Context, *bun.DB) error { return nil },
		}}
		if err := migrate.New(db, []migrate.Line{newer}, platformtest.Log(t)).Up(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		older := migrate.New(db, []migrate.Line{zoo()}, platformtest.Log(t))
		if err := older.Up(t.Context(), nil); err != nil {
			t.Errorf("the older release does not start: %v", err)
		}
		if s := status(t, older); len(s[0].Newer) != 1 || s[0].Newer[0].Step != "20260601000000" || len(s[0].Applied) != 2 {
			t.Errorf("status %+v", s)
		}
		if err := older.Down(t.Context(), "zoo", 1); err == nil || !strings.Contains(err.Error(), "newer release") {
			t.Errorf("the older release undoes under the newer: %v", err)
		}
	})
}

func TestMalformedLinesAreRefused(t *testing.T) {
	t.Parallel()
	db := platformtest.OpenDB(t, database.Settings{URL: secret.New("sqlite:" + filepath.Join(t.TempDir(), "test.db"))})
	nothing := func(context.Context, *bun.DB) error { return nil }
	for what, l := range map[string]migrate.Line{
		"a bad name":           line("Zoo!", nil),
		"a bad file name":      line("zoo", map[string]string{"animals.tx.up.sql": ""}),
		"no way down":          line("zoo", map[string]string{"20260101000000_a.tx.up.sql": ""}),
		"one time stamp twice": line("zoo", map[string]string{"20260101000000_a.tx.up.sql": "", "20260101000000_b.tx.up.sql": ""}),
		"a step without a way down": {Name: "zoo", Go: []migrate.Step{{
			Name: "20260101000000_a", Up: nothing,
		}}},
		"a step without a time stamp": {Name: "zoo", Go: []migrate.Step{{Name: "a", Up: nothing, Down: nothing}}},
		"a step beside a file": {Name: "zoo", FS: zoo().FS, Go: []migrate.Step{{
			Name: "20260101000000_again", Up: nothing, Down: nothing,
		}}},
	} {
		if _, err := migrate.New(db, []migrate.Line{l}, platformtest.Log(t)).Status(t.Context()); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

// TestMigrationWaitsForATableLock lets somebody hold a lock for a while. The migration must
// give way in between, so that not everybody queues behind it, and succeed in the end.
func TestMigrationWaitsForATableLock(t *testing.T) {
	t.Parallel()
	db := platformtest.OpenDB(t, database.Settings{URL: secret.New(platformtest.PostgresURL(t))})
	if err := migrate.New(db, []migrate.Line{zoo()}, platformtest.Log(t)).Up(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	held, closeHeld, err := db.Maintenance()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closeHeld() }()
	tx, err := held.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE zoo_cages IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	more := zoo()
	more.FS.(fstest.MapFS)["20260103000000_size.tx.up.sql"] = &fstest.MapFile{Data: []byte("SET LOCAL lock_timeout = '50ms';\nALTER TABLE zoo_cages ADD COLUMN size {{.Int}};")}
	more.FS.(fstest.MapFS)["20260103000000_size.tx.down.sql"] = &fstest.MapFile{Data: []byte("ALTER TABLE zoo_cages DROP COLUMN size;")}
	done := make(chan error, 1)
	go func() {
		done <- migrate.New(db, []migrate.Line{more}, platformtest.Log(t)).Up(t.Context(), nil)
	}()
	for n := range 3 { // reads go through while it waits
		if _, err := db.Read().NewSelect().Table("zoo_cages").Count(t.Context()); err != nil {
			t.Errorf("read %d: %v", n, err)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestLockWaitsAndIsReleased(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func() *database.DB) {
		first, second := open(), open()
		release, err := first.Lock(t.Context(), "work", nil)
		if err != nil {
			t.Fatal(err)
		}
		waiting, got := make(chan struct{}), make(chan error)
		go func() {
			release, err := second.Lock(t.Context(), "work", func() { close(waiting) })
			if err == nil {
				release()
			}
			got <- err
		}()
		<-waiting
		if other, err := second.Lock(t.Context(), "other work", nil); err != nil {
			t.Error(err)
		} else {
			other()
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := second.Lock(ctx, "work", nil); err == nil {
			t.Error("a cancelled wait got the lock")
		}
		release()
		if err := <-got; err != nil {
			t.Error(err)
		}
	})
}

func TestTypesWorkOnBoth(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func() *database.DB) {
		db := open()
		all := line("types", map[string]string{
			"20260101000000_all.tx.up.sql": "CREATE TABLE types_all (id {{.AutoID}}, a {{.Text}}, b {{.Int}}, c {{.BigInt}}, d {{.Bool}}, e {{.Bytes}}, f {{.JSON}}, g {{.UUID}}, h {{.Timestamp}} DEFAULT {{.Now}}, i {{.Text}} {{.NoCase}});\n" +
				"INSERT INTO types_all (a) VALUES ({{.RandomID}});",
			"20260101000000_all.tx.down.sql": "DROP TABLE types_all;",
		})
		if err := migrate.New(db, []migrate.Line{all}, platformtest.Log(t)).Up(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		var n int
		err := db.Read().NewRaw("SELECT count(*) FROM types_all WHERE length(a) = 32 AND h > '2020-01-01 00:00:00+00:00'").Scan(t.Context(), &n)
		if err != nil || n != 1 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}

func ExampleLine() {
	fmt.Println(migrate.Platform().Name)
	// Output: platform
}

// TestInterruptedStepResumes is a process that died between a step in Go and its record.
func TestInterruptedStepResumes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, open func() *database.DB) {
		db := open()
		m := migrate.New(db, []migrate.Line{migrate.Platform()}, platformtest.Log(t))
		if err := m.Up(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		err := db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM platform_migrations WHERE name = '20261124090100'")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Up(t.Context(), nil); err != nil {
			t.Errorf("resuming: %v", err)
		}
		if s := status(t, m); len(s[0].Pending) != 0 {
			t.Errorf("status %+v", s)
		}
	})
}
