package database

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

const (
	lockPoll        = 50 * time.Millisecond
	maintenanceLock = 3 * time.Second // how long a migration may make everybody queue behind it
)

// Maintenance returns a handle for long work such as migrations, and the function that
// closes it. On PostgreSQL it has connections of its own, whose statements may take as
// long as they need but wait at most three seconds for a lock, because everybody else
// queues behind them. On SQLite it is the writer.
func (d *DB) Maintenance() (*bun.DB, func() error, error) {
	if d.dialect == SQLite {
		return d.writer, func() error { return nil }, nil
	}
	config, err := d.pgConfig()
	if err != nil {
		return nil, nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	config.RuntimeParams["lock_timeout"] = fmt.Sprint(maintenanceLock.Milliseconds())
	pool := d.pgOpen(config)
	pool.SetMaxOpenConns(2)
	return bun.NewDB(pool, pgdialect.New(), bun.WithDiscardUnknownColumns()), pool.Close, nil
}

// Lock takes the lock of that name, which one process on this database holds at a time,
// and waits for it as long as ctx allows. It is released by the returned function, and by
// the end of the process. waiting, when not nil, is called once if the lock is taken.
func (d *DB) Lock(ctx context.Context, name string, waiting func()) (release func(), err error) {
	try := d.tryPostgresLock
	if d.dialect == SQLite {
		try = d.trySQLiteLock
	}
	told := false
	for {
		release, err := try(ctx, name)
		if !errors.Is(err, errLocked) {
			return release, err
		}
		if !told && waiting != nil {
			waiting()
		}
		told = true
		timer := time.NewTimer(lockPoll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("database: wait for the lock %q: %w", name, ctx.Err())
		case <-timer.C:
		}
	}
}

// tryPostgresLock takes an advisory lock on a connection of its own. It asks instead of
// waiting in the server, because a waiting session holds a snapshot, and that blocks
// CREATE INDEX CONCURRENTLY in the session that holds the lock.
func (d *DB) tryPostgresLock(ctx context.Context, name string) (func(), error) {
	config, err := d.pgConfig()
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["idle_session_timeout"] = "0"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, Translate(err)
	}
	closeConn := func() { _ = conn.Close(context.WithoutCancel(ctx)) }
	hash := fnv.New64a()
	_, _ = hash.Write([]byte("authy2:" + name))
	var ok bool
	err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(hash.Sum64())).Scan(&ok)
	if err == nil && ok {
		return closeConn, nil
	}
	closeConn()
	if err != nil {
		return nil, Translate(err)
	}
	return nil, errLocked
}

// trySQLiteLock locks a file beside the database.
func (d *DB) trySQLiteLock(_ context.Context, name string) (func(), error) {
	lock, err := lockFile(d.path + "." + name + ".lock")
	if err != nil {
		return nil, err
	}
	return func() { _ = lock.release() }, nil
}
