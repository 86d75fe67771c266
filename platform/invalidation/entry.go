package invalidation

import "strconv"

// The kinds that the system uses. Modules may add their own.
const (
	// KindSession is the end or change of one session; the subject is its id.
	KindSession = "session"
	// KindUser is a change of one user, or of what rules that user; the subject is the
	// user's id.
	KindUser = "user"
	// KindEpoch makes everything stale that was read before it. [Log.BumpEpoch] records it.
	KindEpoch = "epoch"

	// kindFloor is left by [Log.Prune] in place of the rows it removed: everything read
	// before its subject, a position, is stale for a replica that did not see those rows.
	kindFloor = "floor"
)

// Entry says that what is remembered of a subject is stale.
type Entry struct {
	// Kind is the class of thing, such as "session".
	Kind string
	// Subject names the thing within its kind.
	Subject string
}

// Position is a place in the log. On PostgreSQL it is a transaction id, on SQLite the id
// of a row. The zero value is before everything, so a value that was never stamped is
// stale.
type Position int64

// placed is an entry with its place.
type placed struct {
	Entry
	at Position
}

// floor returns the position at or below which the entry makes everything stale for a
// replica that starts; zero for entries about one subject.
func (p placed) floor() Position {
	switch p.Kind {
	case KindEpoch:
		return p.at
	case kindFloor:
		// Rows are pruned by a transaction after them.
		if n, err := strconv.ParseInt(p.Subject, 10, 64); err == nil && Position(n) < p.at {
			return Position(n)
		}
	}
	return 0
}
