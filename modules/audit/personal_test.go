package audit_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// What is beside a row reads the same before and after it is sealed, and is gone from the
// moment its person is forgotten, even while it is still stored.
func TestPersonalData(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		invitation := events.Fact{
			Action: "org.invite.create", ActorID: ann, OrganizationID: acme, ResourceType: "invite", ResourceID: "i1", Success: true,
			Metadata: map[string]string{"role": "admin"}, Personal: map[string]string{"email": "eve@example.com"},
		}
		h.publish(t, invitation)
		read := func() audit.Row {
			rows, _ := h.page(t, audit.Scope{OrganizationID: acme}, audit.Filter{Action: "org.invite.create"}, nil, 1)
			return rows[0]
		}
		for _, settled := range []bool{false, true} {
			if settled {
				if err := h.service.SettleAll(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			r := read()
			if r.IPAddress == nil || *r.IPAddress != "203.0.113.7" || *r.UserAgent != "curl/8.0" || r.Metadata["email"] != "eve@example.com" || r.Metadata["role"] != "admin" {
				t.Errorf("settled %v: %+v", settled, r)
			}
			erase := func(subject string, at time.Time) {
				h.exec(t, `DELETE FROM audit_erasures WHERE subject = ?`, subject)
				h.exec(t, `INSERT INTO audit_erasures (subject, erased_at, mac) VALUES (?, ?, ?)`, subject, at, []byte("x"))
			}
			eve := h.service.SubjectsOf("Eve@Example.com")[0]
			erase(eve, h.Clock.Now().Add(-time.Microsecond))
			if r := read(); r.Metadata["email"] == "" {
				t.Errorf("settled %v: a later row was forgotten too: %+v", settled, r)
			}
			erase(eve, h.Clock.Now())
			if r := read(); r.Metadata["email"] != "" || r.Metadata["role"] != "admin" || r.IPAddress == nil {
				t.Errorf("settled %v: with the invited person forgotten: %+v", settled, r)
			}
			erase("user:"+ann, h.Clock.Now())
			if r := read(); r.IPAddress != nil || r.UserAgent != nil || r.ActorID == nil {
				t.Errorf("settled %v: with the actor forgotten: %+v", settled, r)
			}
			h.exec(t, `DELETE FROM audit_erasures`)
		}
		h.exec(t, `DELETE FROM audit_subjects WHERE subject = ?`, "user:"+ann)
		if r := read(); r.IPAddress != nil || r.Metadata["email"] != "eve@example.com" {
			t.Errorf("with the actor's key gone: %+v", r)
		}
	})
}

// In their own trail users do not see where other people are.
func TestOwnTrailShowsNothingOfOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	h.publish(t,
		marked("bob did it", events.Fact{Action: "user.status_change", ActorID: bob, ResourceType: "user", ResourceID: ann}),
		marked("nobody did it", events.Fact{Action: "user.login", ResourceType: "user", ResourceID: ann, ErrorType: "AUTHENTICATION_ERROR"}),
		marked("ann did it", events.Fact{Action: "thing.done", ActorID: ann, Personal: map[string]string{"email": "eve@example.com"}}),
		marked("bob wrote of ann", events.Fact{
			Action: "thing.done", ActorID: bob, ResourceType: "user", ResourceID: ann, Personal: map[string]string{"email": "ann@example.com"}, PersonalOf: ann,
		}),
		marked("bob wrote of eve", events.Fact{Action: "thing.done", ActorID: bob, ResourceType: "user", ResourceID: ann, Personal: map[string]string{"email": "eve@example.com"}}),
	)
	rows, _ := h.page(t, audit.Scope{UserID: ann}, audit.Filter{}, nil, 10)
	section, err := h.service.Export(t.Context(), ann)
	if err != nil || section.Cut || len(section.Rows) != len(rows) {
		t.Fatalf("an export of %d rows, cut %v: %v", len(section.Rows), section.Cut, err)
	}
	for i, want := range []struct {
		mark, email, exported string
		address, actor        bool
	}{
		{"bob wrote of eve", "", "", false, true},
		{"bob wrote of ann", "ann@example.com", "ann@example.com", false, true},
		{"ann did it", "eve@example.com", "", true, true},
		{"nobody did it", "", "", true, false},
		{"bob did it", "", "", false, true},
	} {
		r, x := rows[i], section.Rows[i]
		if r.Metadata["mark"] != want.mark || r.Metadata["email"] != want.email || (r.IPAddress != nil) != want.address ||
			(r.UserAgent != nil) != want.address || (r.Actor != nil) != want.actor {
			t.Errorf("%s: %+v", want.mark, r)
		}
		if x.Metadata["email"] != want.exported || (x.IPAddress != nil) != want.address || x.Actor != nil {
			t.Errorf("%s, exported: %+v", want.mark, x)
		}
	}
}

// A row that was meddled with, or whose key left the ring, is shown without what cannot be
// read, and the log says so once a page.
func TestPersonalDataThatCannotBeRead(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := newHouse(t, platformtest.SQLite(t, lines()...), func(s *setup) { s.log = slog.New(slog.NewTextHandler(&log, nil)) })
	fact := events.Fact{Action: "thing.done", ActorID: ann, OrganizationID: acme, Personal: map[string]string{"email": "eve@example.com"}}
	h.publish(t, fact, fact)
	for _, change := range []string{
		`UPDATE audit_entries SET pending = zeroblob(64)`,
		`UPDATE audit_personal SET content = zeroblob(64)`,
		`UPDATE audit_subjects SET secret = zeroblob(64)`,
	} {
		log.Reset()
		h.exec(t, change)
		rows, _ := h.page(t, audit.Scope{OrganizationID: acme}, audit.Filter{}, nil, 10)
		if len(rows) != 2 || rows[0].IPAddress != nil || rows[0].Metadata["email"] != "" {
			t.Errorf("%s: %+v", change, rows)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("%s: the log says %q", change, log.String())
		}
		for _, table := range []string{"audit_entries", "audit_personal", "audit_subjects"} {
			h.exec(t, `DELETE FROM `+table)
		}
		h.publish(t, fact, fact)
		if err := h.service.SettleAll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
