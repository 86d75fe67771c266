package contact_test

import (
	"testing"
	"time"

	"github.com/authy2/backend/modules/contact"
	"github.com/authy2/backend/platform/platformtest"
)

func TestRetention(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b, func(s *setup) { s.config.RetentionDays = 30 })
		h.submit(t, func(n *contact.NewEnquiry) { n.Name = "first" })
		b.Clock.Advance(time.Microsecond)
		second := h.submit(t, func(n *contact.NewEnquiry) { n.Name = "second" })
		for _, step := range []struct {
			advance time.Duration
			removed int64
			left    int
		}{
			{30*24*time.Hour - time.Microsecond, 0, 2}, // the first is exactly 30 days old
			{time.Microsecond, 1, 1},
			{0, 0, 1},
		} {
			b.Clock.Advance(step.advance)
			report, err := h.Prune(t.Context())
			if err != nil || report["removed"] != step.removed || h.rows(t, "contact_enquiries") != step.left {
				t.Fatalf("%+v: %v, %v, %d are left", step, report, err, h.rows(t, "contact_enquiries"))
			}
		}
		if all := h.all(t, contact.Filter{}); len(all) != 1 || all[0].ID != second.ID {
			t.Errorf("left are %+v", all)
		}
	})
}

// More enquiries than one statement removes all go.
func TestRetentionOfMany(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.fill(t, 2100)
		b.Clock.Advance(366 * 24 * time.Hour)
		if report, err := h.Prune(t.Context()); err != nil || report["removed"] != 2100 || h.rows(t, "contact_enquiries") != 0 {
			t.Errorf("%v, %v", report, err)
		}
	})
}

func TestRetentionForEver(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	h := newHouse(t, b, func(s *setup) { s.config.RetentionDays = 0 })
	h.submit(t, func(*contact.NewEnquiry) {})
	b.Clock.Advance(200 * 365 * 24 * time.Hour)
	if report, err := h.Prune(t.Context()); err != nil || report["removed"] != 0 || h.rows(t, "contact_enquiries") != 1 {
		t.Errorf("%v, %v", report, err)
	}
}
