package compliance

import "time"

// Row is how a member stands to what their organization asks, as it was judged last.
type Row struct {
	OrganizationID, UserID string
	// Override is that by which it was judged.
	Override      Override
	EffectiveMode Mode
	// Status is never [StatusPastDue] or [StatusPending]; see [Row.Shown].
	Status Status
	// PolicyVersion is that of the policy by which it was judged, zero without one.
	PolicyVersion int64
	// AppliedAt is when the demand began for the member; nil while nothing is asked.
	AppliedAt *time.Time
	// DeadlineAt is set while something is missing.
	DeadlineAt *time.Time
	// CompliantAt is since when nothing is missing of what is asked.
	CompliantAt       *time.Time
	SuspendedAt       *time.Time
	LastNotifiedAt    *time.Time
	NotificationCount int64
	CreatedAt         time.Time
}

// day is what a grace period counts in.
const day = 24 * time.Hour

// Judge returns the row of a member with the factors under a policy and an override, at the
// instant. A row that is judged again under the same stays what it is.
//
// A demand begins when it is first seen, also for somebody who does already what it asks:
// giving up a factor later gives no new grace. It begins anew for those who did what was
// asked before, when something else is. The deadline is as long after the beginning as the
// policy says now, also when that was longer or shorter before.
func Judge(r Row, o Override, p Policy, h Held, now time.Time) Row {
	before := asks(r.EffectiveMode, r.Override)
	if r.CreatedAt.IsZero() {
		r.CreatedAt, before = now, Demand{}
	}
	d := DemandOf(p.asked(), o)
	r.Override, r.EffectiveMode, r.PolicyVersion = o.normal(), d.Mode, p.Version
	if !d.Required() {
		r.AppliedAt = nil
		if d.Mode == ModeOptional {
			return r.settle(StatusCompliant, now)
		}
		return r.settle(StatusNotApplicable, now)
	}
	if r.AppliedAt == nil || (r.Status == StatusCompliant && before != d) {
		r.AppliedAt = &now
	}
	if d.Satisfied(h) {
		return r.settle(StatusCompliant, now)
	}
	deadline := r.AppliedAt.Add(p.grace())
	r.DeadlineAt, r.CompliantAt = &deadline, nil
	if r.Status != StatusSuspended || deadline.After(now) {
		r.Status, r.SuspendedAt = StatusInGrace, nil
	}
	return r
}

// settle returns the row of somebody who misses nothing.
func (r Row) settle(s Status, now time.Time) Row {
	if s != StatusCompliant {
		r.CompliantAt = nil
	} else if r.Status != StatusCompliant || r.CompliantAt == nil {
		r.CompliantAt = &now
	}
	r.Status, r.DeadlineAt, r.SuspendedAt = s, nil, nil
	return r
}

// Suspend returns the row of somebody whose time is over at the instant, as the job leaves
// it. Other rows stay what they are.
func (r Row) Suspend(now time.Time) Row {
	if r.pastDue(now) {
		r.Status, r.SuspendedAt = StatusSuspended, &now
	}
	return r
}

func (r Row) pastDue(now time.Time) bool {
	return r.Status == StatusInGrace && r.DeadlineAt != nil && !r.DeadlineAt.After(now)
}

// Shown returns the status at the instant, under a policy of the version. What binds the
// member already is shown until they are judged again.
func (r Row) Shown(version int64, now time.Time) Status {
	switch {
	case r.Status == StatusSuspended:
		return StatusSuspended
	case r.pastDue(now):
		return StatusPastDue
	case r.PolicyVersion != version:
		return StatusPending
	}
	return r.Status
}

// demand returns what the member was asked for when they were judged.
func (r Row) demand() Demand { return asks(r.EffectiveMode, r.Override) }

// same reports whether both rows are stored alike.
func (r Row) same(other Row) bool {
	for _, pair := range [][2]*time.Time{
		{r.AppliedAt, other.AppliedAt},
		{r.DeadlineAt, other.DeadlineAt},
		{r.CompliantAt, other.CompliantAt},
		{r.SuspendedAt, other.SuspendedAt},
		{r.LastNotifiedAt, other.LastNotifiedAt},
		{&r.CreatedAt, &other.CreatedAt},
	} {
		if !sameTime(pair[0], pair[1]) {
			return false
		}
	}
	return r.Override == other.Override && r.EffectiveMode == other.EffectiveMode && r.Status == other.Status &&
		r.PolicyVersion == other.PolicyVersion && r.NotificationCount == other.NotificationCount
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}
