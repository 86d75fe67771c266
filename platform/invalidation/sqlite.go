package invalidation

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/authy2/backend/platform/database"
)

// sqlite reads the log by the ids of its rows: there is one writer at a time, so ids become
// visible in their order. What this process records it knows already; the tail is for
// the commands that run beside a server.
type sqlite struct {
	newest *database.Stmt
	later  *database.Stmt
	load   int
	ready  bool
	last   int64
}

func newSQLite(db *database.DB, load int) *sqlite {
	return &sqlite{
		load: load,
		newest: db.Prepare(`SELECT s.instance_id, s.epoch, i.id, i.kind, i.subject
			FROM platform_state s LEFT JOIN (
				SELECT id, kind, subject FROM platform_invalidations ORDER BY id DESC LIMIT ?
			) i ON TRUE`),
		later: db.Prepare(`SELECT s.instance_id, s.epoch, i.id, i.kind, i.subject
			FROM platform_state s LEFT JOIN platform_invalidations i ON i.id > ? ORDER BY i.id`),
	}
}

// stampSQL reads the sequence and not the greatest id, which pruning may lower.
func (*sqlite) stampSQL() string {
	return "(SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'platform_invalidations'), 0) + 1)"
}

func (s *sqlite) read(ctx context.Context, each func(placed)) (news, error) {
	stmt, argument := s.later, s.last
	if !s.ready {
		// One more than is wanted tells whether there are older ones.
		stmt, argument = s.newest, int64(s.load)+1
	}
	found := news{loaded: !s.ready, since: Position(s.last + 1)}
	last, oldest, n := s.last, int64(0), 0
	var instance, epoch string
	err := stmt.Query(ctx, func(scan func(...any) error) error {
		var id sql.NullInt64
		var kind, subject sql.NullString
		if err := scan(&instance, &epoch, &id, &kind, &subject); err != nil || !id.Valid {
			return err
		}
		if n == 0 || id.Int64 < oldest {
			oldest = id.Int64
		}
		n++
		last = max(last, id.Int64)
		each(placed{Entry: Entry{Kind: kind.String, Subject: subject.String}, at: Position(id.Int64)})
		return nil
	}, argument)
	if err != nil {
		return news{}, err
	}
	if instance == "" {
		return news{}, errNoState
	}
	if found.loaded && n > s.load {
		found.floor = Position(oldest)
	}
	found.epoch, found.stored = epochOf(instance, epoch), epoch
	s.ready, s.last = true, last
	return found, nil
}

func (*sqlite) wait(ctx context.Context, d time.Duration, wake <-chan struct{}) { pause(ctx, d, wake) }

func (*sqlite) close(context.Context) {}

// errNoState means that the database was not initialised.
var errNoState = errors.New("platform_state is empty: run authy2 db upgrade")
