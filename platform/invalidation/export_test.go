package invalidation

// Index is the memory of a log, for tests of what happens while it overflows.
type Index struct{ *index }

// NewIndex returns an index of about limit subjects that has seen everything.
func NewIndex(limit int) Index {
	x := newIndex(limit)
	x.open(0)
	return Index{x}
}

// Add remembers that a subject changed at p.
func (x Index) Add(subject string, p Position) { x.add(KindSession, subject, p) }

// Stale is what Log.Stale asks.
func (x Index) Stale(subject string, p Position) bool { return x.stale(KindSession, subject, p) }
