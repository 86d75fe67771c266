package audit_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// carol is a user who is deleted.
const carol = "01900000-0000-7000-8000-00000000d003"

// traces are what must not be left of carol.
var traces = []string{"carol@example.com", "203.0.113.7", "curl/8.0"}

// A deleted user leaves no address, user agent or email in any table, encrypted or not, and
// the trail stays whole.
func TestErasure(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		v := newVault(t, b)
		x := &tamperer{vault: v, t: t}
		hers := []events.Fact{
			{Action: "user.login", Personal: map[string]string{"email": "Carol@example.com"}},
			{Action: "user.login", ActorID: carol, ResourceType: "user", ResourceID: carol, Success: true},
			{Action: "org.member.add", ActorID: carol, OrganizationID: acme, Personal: map[string]string{"email": "carol@example.com"}, PersonalOf: carol},
		}
		v.publish(t, hers...)
		v.seal(t, 3)
		if !x.readable(traces...) {
			t.Fatal("nothing can be read before the erasure: the test is blind")
		}
		v.publish(t, hers...) // unsealed when she is deleted
		v.deleteUser(t, carol, "carol@example.com")
		v.publish(t, events.Fact{Action: "user.delete", ActorID: carol, ResourceType: "user", ResourceID: carol, Success: true})
		v.verify(t)
		v.seal(t, 4)
		if x.readable(traces...) {
			t.Error("something can be read after the erasure")
		}
		if s := v.verify(t); s.Rows != 7 {
			t.Errorf("after the erasure: %+v", s)
		}
		rows, _ := v.page(t, audit.Scope{UserID: carol}, audit.Filter{}, nil, 10)
		for _, r := range rows {
			if r.IPAddress != nil || r.UserAgent != nil || r.Metadata["email"] != "" {
				t.Errorf("the trail shows %+v", r)
			}
		}
		// Others are as they were, and the address may belong to somebody again.
		b.Clock.Advance(time.Hour)
		v.publish(t, hers[0], deeds(1)[0])
		v.seal(t, 2)
		v.verify(t)
		if !x.readable("carol@example.com") {
			t.Error("a later row has lost its personal data")
		}
	})
}

// readable reports whether one of the texts is in any column of any table, as it is or
// decrypted with any key that is left.
func (x *tamperer) readable(texts ...string) bool {
	x.t.Helper()
	var all strings.Builder
	for table := range tables {
		for _, r := range x.all(table) {
			for _, v := range r {
				if b, ok := v.([]byte); ok {
					all.Write(b)
				}
				fmt.Fprintln(&all, v)
			}
		}
	}
	opened, err := x.sealing.PersonalTexts(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	all.WriteString(strings.Join(opened, "\n"))
	found := false
	for _, text := range texts {
		if bytes.Contains(bytes.ToLower([]byte(all.String())), []byte(text)) {
			found = true
			x.t.Logf("%s can be read", text)
		}
	}
	return found
}

// A seal under way does not see an erasure, which does not wait for it: the next seal
// sweeps what it has written.
func TestSweep(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		v := newVault(t, b)
		x := &tamperer{vault: v, t: t}
		v.publish(t, events.Fact{Action: "thing.done", ActorID: carol}, events.Fact{Action: "thing.done", ActorID: ann})
		v.seal(t, 2)
		subjects, parts := x.all("audit_subjects"), x.all("audit_personal")
		v.deleteUser(t, carol, "")
		for i, table := range []string{"audit_subjects", "audit_personal"} { // what the other sealer writes
			for _, r := range [][]record{subjects, parts}[i] {
				if strings.Contains(fmt.Sprint(r["subject"]), carol) && !x.write(insert(table, r)) {
					t.Fatal("the race cannot be made")
				}
			}
		}
		v.verify(t)
		v.seal(t, 0)
		if n := v.count(t, "audit_personal"); n != 1 {
			t.Errorf("%d pieces of personal data are left, want ann's", n)
		}
		if n := v.count(t, "audit_subjects"); n != 1 {
			t.Errorf("%d keys are left, want ann's", n)
		}
		v.verify(t)
		b.Clock.Advance(time.Hour)
		v.seal(t, 0)
		before := b.Statements()
		v.seal(t, 0)
		if n := b.Statements() - before; n > 4 {
			t.Errorf("an idle run takes %d statements", n)
		}
	})
}

// Users who were deleted while the module was off are forgotten when it is on again.
func TestReconcile(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		marks := &deleted{}
		v := newVault(t, b, func(s *vaultSetup) { s.people = marks })
		x := &tamperer{vault: v, t: t}
		for n := range 450 {
			marks.marks = append(marks.marks, authn.DeletionMark{At: b.Clock.Now().Add(time.Duration(n-500) * time.Second), ID: fmt.Sprintf("01900000-0000-7000-8000-%012d", n)})
		}
		marks.marks[449].ID = carol
		v.publish(t, events.Fact{Action: "thing.done", ActorID: carol})
		v.seal(t, 1)
		report, err := v.sealing.Run(t.Context(), "reconcile_audit")
		if err != nil || report["erased"] != 450 {
			t.Fatalf("%v, %v", report, err)
		}
		if x.readable(traces...) {
			t.Error("something can be read")
		}
		v.verify(t)
		report, err = v.sealing.Run(t.Context(), "reconcile_audit")
		if err != nil || report["erased"] != 0 {
			t.Errorf("again: %v, %v", report, err)
		}
	})
}

func TestRetention(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		v := newVault(t, b, func(s *vaultSetup) { s.config.RetentionDays = 10 })
		for range 3 {
			v.publish(t, deeds(6)...)
			v.seal(t, 6)
		}
		b.Clock.Advance(9 * 24 * time.Hour)
		v.publish(t, events.Fact{Action: "thing.done", ActorID: carol})
		v.seal(t, 1)
		b.Clock.Advance(2 * 24 * time.Hour)
		report, err := v.sealing.Run(t.Context(), "prune_audit")
		if err != nil || report["seals"] != 3 || report["rows"] != 18 {
			t.Fatalf("%v, %v", report, err)
		}
		if n := v.count(t, "audit_subjects"); n != 1 {
			t.Errorf("%d keys of subjects are left", n)
		}
		v.seal(t, 1) // the fact itself
		if s := v.verify(t); s.PrunedSeals != 3 || s.Seals != 5 || s.Rows != 2 {
			t.Errorf("%+v", s)
		}
		rows, _ := v.page(t, audit.Scope{Operator: true}, audit.Filter{Action: audit.ActionPrune}, nil, 5)
		if len(rows) != 1 || rows[0].Metadata["seals"] != "3" {
			t.Errorf("the fact of it: %+v", rows)
		}
		// A time that was altered is no way to have rows removed.
		v.exec(t, "UPDATE audit_seals SET last_at = ? WHERE number = 5", b.Clock.Now().AddDate(-1, 0, 0))
		report, err = v.sealing.Run(t.Context(), "prune_audit")
		if err != nil || report["broken"] != 1 || report["rows"] != 0 {
			t.Errorf("with an altered seal: %v, %v", report, err)
		}
	})
}

// Somebody who did a great deal is forgotten as fast as others: the keys go at once, and what
// they were for goes with the next seals.
func TestEraseALot(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		v := newVault(t, b)
		const rows, atOnce = 6_050, 2_000
		v.fill(t, rows, carol)
		v.exec(t, `INSERT INTO audit_personal (entry_id, part, subject, content) SELECT id, 'client', ?, mac FROM audit_entries`, "user:"+carol)
		v.exec(t, `INSERT INTO audit_subjects (subject, secret) SELECT ?, mac FROM audit_entries LIMIT 1`, "user:"+carol)
		v.deleteUser(t, carol, "")
		if keys, parts := v.count(t, "audit_subjects"), v.count(t, "audit_personal"); keys != 0 || parts != rows-atOnce {
			t.Errorf("an erasure left %d keys and %d of %d pieces of personal data", keys, parts, rows)
		}
		v.seal(t, 0)
		if n := v.count(t, "audit_personal"); n != 0 {
			t.Errorf("a sweep left %d pieces of personal data", n)
		}
	})
}
