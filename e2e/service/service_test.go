package service_test

import (
	"context"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/service"
)

func tools(t *testing.T) service.Tools {
	t.Helper()
	found, err := service.FindTools()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPostgresSurvivesFreezeAndRestart(t *testing.T) {
	t.Parallel()
	pg, err := service.NewPostgres(tools(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pg.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if _, err := pg.CreateDatabase(ctx, "first"); err != nil {
		t.Fatal(err)
	}
	if err := pg.Exec(ctx, "first", "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)"); err != nil {
		t.Fatal(err)
	}

	pg.Freeze()
	short, stop := context.WithTimeout(ctx, 300*time.Millisecond)
	defer stop()
	if err := pg.Exec(short, "first", "SELECT 1"); err == nil {
		t.Fatal("a frozen server answered")
	}
	pg.Thaw()
	if err := pg.Exec(ctx, "first", "SELECT 1"); err != nil {
		t.Fatalf("after the thaw: %v", err)
	}

	pg.Stop()
	if err := pg.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := pg.Connect(ctx, "first")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var n int
	if err := conn.QueryRow(ctx, "SELECT n FROM kept").Scan(&n); err != nil || n != 7 {
		t.Fatalf("n = %d, %v; want 7", n, err)
	}
}

func TestRedisGoesBackToAnOlderCopy(t *testing.T) {
	t.Parallel()
	r, err := service.NewRedis(tools(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	do := func(want string, args ...string) {
		t.Helper()
		got, err := r.Do(args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		if got != want {
			t.Fatalf("%v = %q, want %q", args, got, want)
		}
	}
	do("OK", "SET", "k", "old")
	copyOf, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	do("OK", "SET", "k", "new")
	if err := r.Restore(copyOf); err != nil {
		t.Fatal(err)
	}
	do("old", "GET", "k")
	r.Kill()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	do("", "GET", "k")
}
