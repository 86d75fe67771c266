package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// marks returns the marks that facts were given, in the order of the rows.
func marks(rows []audit.Row) []string {
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = r.Metadata["mark"]
	}
	return all
}

// marked is a fact that is recognised again.
func marked(mark string, f events.Fact) events.Fact {
	f.Metadata = map[string]string{"mark": mark}
	return f
}

func TestFilters(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		start := time.Date(2031, time.January, 1, 0, 0, 0, 0, time.UTC)
		for i, f := range []events.Fact{
			{Action: "org.create", ActorID: ann, OrganizationID: acme, ResourceType: "organization", ResourceID: acme, Success: true},
			{Action: "org.member.add", ActorID: ann, OrganizationID: acme, ResourceType: "member", ResourceID: bob, Success: true},
			{Action: "org.member.remove", ActorID: bob, OrganizationID: acme, ResourceType: "member", ResourceID: ann, ErrorType: "CONFLICT"},
			{Action: "user.login", ActorID: ann, ResourceType: "user", ResourceID: ann, Success: true},
			{Action: "user.login", ResourceType: "user", ResourceID: ann, ErrorType: "AUTHENTICATION_ERROR"},
			{Action: "org.create", ActorID: bob, OrganizationID: other, ResourceType: "organization", ResourceID: other, Success: true},
			{Action: "user.status_change", ActorID: bob, ResourceType: "user", ResourceID: ann, Success: true},
			{Action: "user.update", ActorID: ann, ResourceType: "user", ResourceID: bob, Success: true},
		} {
			h.Clock.Set(start.Add(time.Duration(i) * time.Second))
			h.publish(t, marked(fmt.Sprint(i), f))
		}
		at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Second) }
		organization, own := audit.Scope{OrganizationID: acme}, audit.Scope{UserID: ann}
		for name, tc := range map[string]struct {
			scope  audit.Scope
			filter audit.Filter
			want   string
		}{
			"an organization":            {organization, audit.Filter{}, "2 1 0"},
			"another organization":       {audit.Scope{OrganizationID: other}, audit.Filter{}, "5"},
			"a user":                     {own, audit.Filter{}, "7 6 4 3 1 0"},
			"another user":               {audit.Scope{UserID: bob}, audit.Filter{}, "7 6 5 2"},
			"by action":                  {organization, audit.Filter{Action: "org.member.add"}, "1"},
			"by no action":               {organization, audit.Filter{Action: "user.login"}, ""},
			"by actor":                   {organization, audit.Filter{ActorID: ann}, "1 0"},
			"by type":                    {organization, audit.Filter{ResourceType: "member"}, "2 1"},
			"by thing":                   {organization, audit.Filter{ResourceType: "member", ResourceID: bob}, "1"},
			"by id alone":                {organization, audit.Filter{ResourceID: ann}, "2"},
			"since, inclusive":           {organization, audit.Filter{Since: at(1)}, "2 1"},
			"until, inclusive":           {organization, audit.Filter{Until: at(1)}, "1 0"},
			"between":                    {organization, audit.Filter{Since: at(1), Until: at(1)}, "1"},
			"never":                      {organization, audit.Filter{Since: at(2), Until: at(1)}, ""},
			"a little later":             {organization, audit.Filter{Since: at(1).Add(time.Microsecond)}, "2"},
			"succeeded":                  {organization, audit.Filter{Success: &yes}, "1 0"},
			"failed":                     {organization, audit.Filter{Success: &no}, "2"},
			"everything":                 {organization, audit.Filter{Action: "org.create", ActorID: ann, ResourceType: "organization", ResourceID: acme, Since: at(0), Until: at(0), Success: &yes}, "0"},
			"own, by action":             {own, audit.Filter{Action: "user.login"}, "4 3"},
			"own, by oneself":            {own, audit.Filter{ActorID: ann}, "7 3 1 0"},
			"own, by somebody":           {own, audit.Filter{ActorID: bob}, "6"},
			"own, failed":                {own, audit.Filter{Success: &no}, "4"},
			"own, on the account":        {own, audit.Filter{ResourceType: "user", ResourceID: ann}, "6 4 3"},
			"own, of a type":             {own, audit.Filter{ResourceType: "member"}, "1"},
			"own, in time":               {own, audit.Filter{Since: at(3), Until: at(6)}, "6 4 3"},
			"with a quote in the filter": {own, audit.Filter{Action: `' OR 1=1 --?`}, ""},
		} {
			rows, next := h.page(t, tc.scope, tc.filter, nil, 100)
			if got := strings.Join(marks(rows), " "); got != tc.want || next != nil {
				t.Errorf("%s: rows %q, want %q; next %v", name, got, tc.want, next)
			}
			// The same, row by row.
			var walked []string
			for after := (*audit.Position)(nil); ; {
				rows, next := h.page(t, tc.scope, tc.filter, after, 1)
				walked = append(walked, marks(rows)...)
				if after = next; after == nil {
					break
				}
			}
			if got := strings.Join(walked, " "); got != tc.want {
				t.Errorf("%s, row by row: rows %q, want %q", name, got, tc.want)
			}
		}
	})
}

// Whoever walks through the pages sees every row that was there when they began exactly
// once, whatever is written meanwhile, also rows of the same moment.
func TestPagesAreStableUnderWriters(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		const before = 120
		var want []string
		for i := range before {
			if i%7 == 0 {
				h.Clock.Advance(time.Millisecond)
			}
			f := events.Fact{Action: "thing.done", ActorID: ann, OrganizationID: acme}
			if i%3 == 0 {
				f.ActorID, f.ResourceType, f.ResourceID = "", "user", ann
			}
			h.publish(t, marked(fmt.Sprintf("old%d", i), f))
			want = append(want, fmt.Sprintf("old%d", i))
		}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					h.Clock.Advance(time.Microsecond)
					f := marked(fmt.Sprintf("new%d.%d", w, i), events.Fact{Action: "thing.done", ActorID: ann, OrganizationID: acme})
					if err := h.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return h.Bus.Publish(ctx, tx, f) }); err != nil && !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
				}
			})
		}
		for _, scope := range []audit.Scope{{OrganizationID: acme}, {UserID: ann}} {
			seen := map[string]int{}
			var last audit.Row
			for after := (*audit.Position)(nil); ; {
				rows, next := h.page(t, scope, audit.Filter{}, after, 7)
				for _, r := range rows {
					seen[r.Metadata["mark"]]++
					if last.ID != "" && (r.CreatedAt.After(last.CreatedAt) || (r.CreatedAt.Equal(last.CreatedAt) && r.ID >= last.ID)) {
						t.Errorf("%s stands after %s", r.ID, last.ID)
					}
					last = r
				}
				if after = next; after == nil {
					break
				}
			}
			for mark, n := range seen {
				if n != 1 {
					t.Errorf("%v: %s was seen %d times", scope, mark, n)
				}
			}
			missing := slices.DeleteFunc(slices.Clone(want), func(mark string) bool { return seen[mark] == 1 })
			if len(missing) > 0 {
				t.Errorf("%v: %d rows were not seen: %v", scope, len(missing), missing)
			}
		}
		stop()
		wg.Wait()
	})
}

func TestAPageIsThreeStatements(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		for i := range 40 {
			who := []string{ann, bob}[i%2]
			h.publish(t, events.Fact{
				Action: "thing.done", ActorID: who, OrganizationID: acme, ResourceType: "user", ResourceID: ann,
				Personal: map[string]string{"email": fmt.Sprintf("p%d@example.com", i)},
			})
		}
		for _, settled := range []bool{false, true} {
			if settled {
				if err := h.service.SettleAll(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for _, scope := range []audit.Scope{{OrganizationID: acme}, {UserID: ann}} {
				before := h.Statements()
				rows, _ := h.page(t, scope, audit.Filter{}, nil, 40)
				if n := h.Statements() - before; n != 2 { // the authorizer's comes on top
					t.Errorf("a page took %d statements", n)
				}
				for i, r := range rows {
					if scope.OrganizationID != "" && (r.IPAddress == nil || r.Metadata["email"] != fmt.Sprintf("p%d@example.com", 39-i) || r.Actor == nil) {
						t.Errorf("settled %v: row %d is %+v", settled, i, r)
					}
				}
			}
		}
	})
}
