package invalidation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/database"
)

const (
	// trust is how old the tail may be before this replica trusts no cache.
	trust = 2 * time.Second
	// pollEvery is how often the tail reads when nothing wakes it.
	pollEvery = 250 * time.Millisecond
	// loadAtStart is how many of the newest entries are read at the start.
	loadAtStart = 10_000
	// defaultSubjects is how many subjects are remembered.
	defaultSubjects = 1 << 20
)

// Settings change the sizes of a log; the zero value is right outside tests.
type Settings struct {
	// Subjects is how many subjects are remembered; 0 means about a million.
	Subjects int
	// LoadAtStart is how many entries are read at the start; 0 means 10,000.
	LoadAtStart int
}

// Log is one replica's view of the log. It is safe for concurrent use.
type Log struct {
	db     *database.DB
	clock  clock.Clock
	log    *slog.Logger
	index  *index
	source source
	epoch  atomic.Pointer[string]

	current *database.Stmt         // reads what stored should be
	stored  atomic.Pointer[string] // platform_state.epoch behind it
	bumped  atomic.Int64           // when the epoch was last seen to change: as readAt
	wake    chan struct{}

	subscribers map[string][]func(subject string)
	pending     []Entry // what subscribers have yet to take; the tail's own

	start    time.Time
	readAt   atomic.Int64 // when the last complete read began: nanoseconds since start, plus one
	readWall atomic.Int64 // the same by the wall clock

	stop context.CancelFunc
	done chan struct{}
}

// source reads the table in one dialect.
type source interface {
	// read calls each for every entry that was committed since the last complete read and
	// returns the epoch as of the same moment. The first read, and one on a server with
	// another history, loads the newest entries and says so with the floor below which
	// everything is stale.
	read(ctx context.Context, each func(placed)) (news, error)
	// wait returns after d, or earlier when there may be news or ctx ends.
	wait(ctx context.Context, d time.Duration, wake <-chan struct{})
	// close gives up what the source holds.
	close(ctx context.Context)
	// stampSQL is the expression that stamps a read.
	stampSQL() string
}

// news is what a read found besides entries.
type news struct {
	epoch  string
	stored string   // platform_state.epoch, of which epoch is made
	loaded bool     // the newest entries were loaded instead of the latest ones
	floor  Position // everything at or below is stale: entries may be missing there
	since  Position // without a load: entries before it were seen by earlier reads
}

// New returns the log of db. It does no I/O. The clock is this machine's and should have
// a monotonic reading, as clock.System does: it measures how old the tail is.
func New(db *database.DB, c clock.Clock, log *slog.Logger, s Settings) *Log {
	if s.Subjects <= 0 {
		s.Subjects = defaultSubjects
	}
	if s.LoadAtStart <= 0 {
		s.LoadAtStart = loadAtStart
	}
	l := &Log{
		db: db, clock: c, log: log, index: newIndex(s.Subjects), start: c.Now(),
		current: db.Prepare("SELECT epoch FROM platform_state"),
		wake:    make(chan struct{}, 1), subscribers: make(map[string][]func(string)),
	}
	if db.Dialect() == database.PostgreSQL {
		l.source = &postgres{db: db, load: s.LoadAtStart}
	} else {
		l.source = newSQLite(db, s.LoadAtStart)
	}
	return l
}

// Subscribe has fn called with every subject of the kind that this replica learns of,
// its own included, in the order of the log. It must be called before Start. fn runs on
// the tail and must return quickly: no cache is trusted while it takes more than two
// seconds. It may be called more than once for one entry.
func (l *Log) Subscribe(kind string, fn func(subject string)) {
	l.subscribers[kind] = append(l.subscribers[kind], fn)
}

// Start loads the newest entries and follows the log until Stop. It fails when the
// table cannot be read.
func (l *Log) Start(ctx context.Context) error {
	if l.stop != nil {
		return errors.New("invalidation: started twice")
	}
	if err := l.read(ctx, false); err != nil {
		l.source.close(ctx)
		return fmt.Errorf("invalidation: read the log: %w", err)
	}
	loop, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop, l.done = stop, make(chan struct{})
	go l.follow(loop)
	return nil
}

// Stop ends the tail. A log that was stopped is not fresh any more after two seconds.
func (l *Log) Stop(context.Context) error {
	if l.stop == nil {
		return nil
	}
	l.stop()
	<-l.done
	return nil
}

// Stale reports whether a value of the subject that was read with the stamp may be older
// than an entry for it, in which case it must be read again. It does no I/O and does not
// allocate. It answers for what this replica has seen: see [Log.Fresh].
func (l *Log) Stale(kind, subject string, stamp Position) bool {
	return l.index.stale(kind, subject, stamp)
}

// Fresh reports whether this replica has seen everything that was committed until two
// seconds ago. When it has not, nothing that is remembered may be trusted. Ask after
// reading a cache, not before. It is false before Start.
func (l *Log) Fresh() bool {
	at := l.readAt.Load()
	if at == 0 {
		return false
	}
	now := l.clock.Now()
	// The wall clock is asked too: the monotonic one stands still while a machine sleeps.
	return now.Sub(l.start)-time.Duration(at-1) < trust && time.Duration(now.UnixNano()-l.readWall.Load()) < trust
}

// Check fails while the tail is too old, for health checks.
func (l *Log) Check(context.Context) error {
	if l.Fresh() {
		return nil
	}
	return errors.New("the invalidation log is not being read: sessions are checked in the database")
}

// Epoch returns the prefix of every shared cache key: it names this installation, its
// epoch and, on PostgreSQL, the server's history, so that values of another database or
// of one that was rolled back are never found. It is empty before Start and changes within
// two seconds of a [Log.BumpEpoch] anywhere, or [Log.Fresh] is false.
func (l *Log) Epoch() string {
	if e := l.epoch.Load(); e != nil {
		return *e
	}
	return ""
}

// Settle returns once every replica that trusts a cache uses the epoch that this one uses.
// That is at once, at the cost of one look-up, unless the epoch has just changed: then a
// value may be found under a key that this replica did not know when it removed it. Call
// it after the commit.
func (l *Log) Settle(ctx context.Context) error {
	var stored string
	if known := l.stored.Load(); known != nil && !l.justBumped() {
		if err := l.current.QueryRow(ctx).Scan(&stored); err == nil && stored == *known {
			return nil
		}
	}
	return l.WaitSeen(ctx)
}

// justBumped reports whether this replica has seen another epoch within the last two
// seconds.
func (l *Log) justBumped() bool {
	at := l.bumped.Load()
	return at != 0 && l.clock.Now().Sub(l.start)-time.Duration(at-1) < trust
}

// StampSQL returns a scalar SQL expression for the SELECT list of a statement whose result
// is remembered. Its value is the [Position] that the result was read at.
func (l *Log) StampSQL() string { return l.source.stampSQL() }

// WaitSeen waits until every replica has seen what was committed before the call, or
// trusts no cache: two seconds. It returns early only with the error of ctx.
func (l *Log) WaitSeen(ctx context.Context) error {
	timer := time.NewTimer(trust)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
