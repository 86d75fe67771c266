package invalidation

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/authy2/backend/platform/database"
)

// postgres reads the log by snapshots: a read returns the rows of exactly those
// transactions that the snapshot of the read before could not see. So a transaction that
// runs long hides no other, and is not missed when it commits at last.
//
// It has a connection of its own, for LISTEN and for reading, so that a busy pool does
// not make the tail old.
type postgres struct {
	db   *database.DB
	load int

	conn     *pgx.Conn
	notified bool
	snapshot string // of the last complete read
	history  string // of the server that snapshot belongs to
}

const (
	pgStampSQL = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

	pgStateSQL = `SELECT instance_id, epoch, pg_current_snapshot()::text, pg_is_in_recovery() FROM platform_state`

	// Rows from the future came with the dump of another server.
	pgNewestSQL = `SELECT xid::text::bigint, kind, subject FROM platform_invalidations
		WHERE xid < pg_snapshot_xmax(pg_current_snapshot()) ORDER BY xid DESC LIMIT $1`

	// One statement, so that epoch, snapshot and rows are of one moment.
	pgLaterSQL = `SELECT s.instance_id, s.epoch, pg_current_snapshot()::text, pg_is_in_recovery(),
			i.xid::text::bigint, i.kind, i.subject
		FROM platform_state s LEFT JOIN platform_invalidations i
			ON i.xid >= $1::text::xid8 AND i.xid < pg_snapshot_xmax(pg_current_snapshot())
			AND NOT pg_visible_in_snapshot(i.xid, $2::text::pg_snapshot)
		ORDER BY i.id`
)

// errStandby means that the connection ended at a server that lags behind.
var errStandby = errors.New("the server is a standby")

// stampSQL: what is not yet visible to a read has an xid at or after its snapshot's xmin.
func (*postgres) stampSQL() string { return pgStampSQL }

func (p *postgres) read(ctx context.Context, each func(placed)) (news, error) {
	if err := p.connect(ctx); err != nil {
		return news{}, err
	}
	var found news
	var err error
	if p.snapshot == "" {
		found, err = p.readNewest(ctx, each)
	} else {
		found, err = p.readLater(ctx, each)
	}
	if err != nil {
		// Whatever went wrong, a new connection is the surest way on.
		p.close(ctx)
		return news{}, err
	}
	return found, nil
}

// readNewest takes the snapshot first: what commits before the rows are read is read
// twice, and nothing is missed.
func (p *postgres) readNewest(ctx context.Context, each func(placed)) (news, error) {
	var instance, epoch, snapshot string
	var standby bool
	err := p.conn.QueryRow(ctx, pgStateSQL).Scan(&instance, &epoch, &snapshot, &standby)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return news{}, errNoState
	case err != nil:
		return news{}, err
	case standby:
		return news{}, errStandby
	}
	rows, err := p.conn.Query(ctx, pgNewestSQL, p.load+1)
	if err != nil {
		return news{}, err
	}
	found := news{loaded: true, epoch: epochOf(instance, epoch, p.history), stored: epoch}
	var e placed
	n := 0
	_, err = pgx.ForEachRow(rows, []any{&e.at, &e.Kind, &e.Subject}, func() error {
		each(e)
		n++
		return nil
	})
	if err != nil {
		return news{}, err
	}
	if n > p.load {
		found.floor = e.at
	}
	p.snapshot = snapshot
	return found, nil
}

func (p *postgres) readLater(ctx context.Context, each func(placed)) (news, error) {
	xmin, _, _ := strings.Cut(p.snapshot, ":")
	rows, err := p.conn.Query(ctx, pgLaterSQL, xmin, p.snapshot)
	if err != nil {
		return news{}, err
	}
	var instance, epoch, snapshot string
	var standby bool
	var at *int64
	var kind, subject *string
	_, err = pgx.ForEachRow(rows, []any{&instance, &epoch, &snapshot, &standby, &at, &kind, &subject}, func() error {
		if at != nil && kind != nil && subject != nil {
			each(placed{Entry: Entry{Kind: *kind, Subject: *subject}, at: Position(*at)})
		}
		return nil
	})
	switch {
	case err != nil:
		return news{}, err
	case standby:
		return news{}, errStandby
	case instance == "":
		return news{}, errNoState
	}
	since, err := strconv.ParseInt(xmin, 10, 64)
	if err != nil {
		return news{}, fmt.Errorf("snapshot %q: %w", p.snapshot, err)
	}
	p.snapshot = snapshot
	return news{epoch: epochOf(instance, epoch, p.history), stored: epoch, since: Position(since)}, nil
}

// connect opens the connection and listens. Where the server turns out to have another
// history than the one before, the snapshot means nothing to it.
func (p *postgres) connect(ctx context.Context) error {
	if p.conn != nil && !p.conn.IsClosed() {
		return nil
	}
	pool := p.db.Pool()
	if pool == nil {
		return errors.New("the database was not started")
	}
	config := pool.Config().ConnConfig.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // also behind poolers that know no prepared statements
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { p.notified = true }
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	p.conn = conn
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		p.close(ctx)
		return fmt.Errorf("listen: %w", err)
	}
	history, err := p.readHistory(ctx)
	if err != nil {
		p.close(ctx)
		return err
	}
	if history != p.history {
		p.snapshot, p.history = "", history
	}
	return nil
}

// readHistory returns what transaction ids are comparable within: the cluster, the
// database and the timeline, which changes when a standby takes over or a backup is
// restored to a point in time. What the server or the role does not give is left out.
func (p *postgres) readHistory(ctx context.Context) (string, error) {
	var history strings.Builder
	for _, sql := range []string{
		"SELECT system_identifier::text FROM pg_control_system()",
		"SELECT oid::text FROM pg_database WHERE datname = current_database()",
		"SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)",
	} {
		var part string
		if err := p.conn.QueryRow(ctx, sql).Scan(&part); err != nil {
			var refused *pgconn.PgError
			if !errors.As(err, &refused) || p.conn.IsClosed() {
				return "", err
			}
		}
		history.WriteString(part)
		history.WriteByte('/')
	}
	return history.String(), nil
}

// wait listens. A notification that came with the last read's answer counts.
func (p *postgres) wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	if p.conn == nil || p.conn.IsClosed() {
		pause(ctx, d, nil)
		return
	}
	if p.notified {
		p.notified = false
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	// An error is either the time-out or shows in the next read.
	_ = p.conn.PgConn().WaitForNotification(ctx)
	p.notified = false
	select {
	case <-wake:
	default:
	}
}

func (p *postgres) close(ctx context.Context) {
	if p.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = p.conn.Close(ctx)
	p.conn, p.notified = nil, false
}
