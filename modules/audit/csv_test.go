package audit_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// written is a trail with everything that a file format could stumble over.
func written(t *testing.T, b platformtest.Backend) *house {
	t.Helper()
	h := newHouse(t, b, func(s *setup) { s.ids = &counted{} })
	start := time.Date(2031, time.January, 1, 0, 0, 0, 123456000, time.UTC)
	for i, one := range []struct {
		fact  events.Fact
		agent string
	}{
		{events.Fact{Action: "org.create", ActorID: ann, ResourceType: "organization", ResourceID: acme, Success: true, Metadata: map[string]string{"slug": "acme"}}, "curl/8.0"},
		{events.Fact{Action: "org.invite.create", ActorID: bob, ResourceType: "invite", ResourceID: "i1", Success: true, Metadata: map[string]string{"role": "admin"}, Personal: map[string]string{"email": "=eve@example.com"}}, "=HYPERLINK(\"http://x\",\"y\")"},
		{events.Fact{Action: "user.login", ErrorType: "AUTHENTICATION_ERROR"}, "a \"quoted\", agent; with <b>&amp;</b>"},
		{events.Fact{Action: "thing.done", ActorID: ann, ResourceType: "thing", ResourceID: "line\nbreak", Success: true, Metadata: map[string]string{"é": "日本 \u2028"}}, "  @SUM(A1)"},
		{events.Fact{Action: "thing.done"}, ""},
	} {
		h.Clock.Set(start.Add(time.Duration(i) * time.Minute))
		c := authn.Client{UserAgent: one.agent, RequestID: "request-1"}
		if one.agent != "" {
			c.Address = netip.MustParseAddr("2001:db8::7")
		}
		one.fact.OrganizationID = acme
		err := h.DB.InTx(authn.WithClient(t.Context(), &c), func(ctx context.Context, tx bun.Tx) error { return h.Bus.Publish(ctx, tx, one.fact) })
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func TestStreamsWhole(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := written(t, b)
		for media, golden := range map[string]string{audit.MediaCSV: "testdata/trail.csv", audit.MediaJSONL: "testdata/trail.jsonl"} {
			var out bytes.Buffer
			if err := h.service.Stream(t.Context(), &out, media, audit.Scope{OrganizationID: acme}, audit.Filter{}); err != nil {
				t.Fatal(err)
			}
			platformtest.Golden(t, golden, out.Bytes())
		}
	})
}

// Both files say what the pages say.
func TestStreamsAgreeWithPages(t *testing.T) {
	t.Parallel()
	h := written(t, platformtest.SQLite(t, lines()...))
	scope := audit.Scope{OrganizationID: acme}
	rows, _ := h.page(t, scope, audit.Filter{}, nil, 100)
	var lines, cells bytes.Buffer
	for media, out := range map[string]*bytes.Buffer{audit.MediaCSV: &cells, audit.MediaJSONL: &lines} {
		if err := h.service.Stream(t.Context(), out, media, scope, audit.Filter{}); err != nil {
			t.Fatal(err)
		}
	}
	records, err := csv.NewReader(&cells).ReadAll()
	if err != nil || len(records) != len(rows)+1 {
		t.Fatalf("%d records of %d rows, %v", len(records), len(rows), err)
	}
	decoder := json.NewDecoder(&lines)
	for i, want := range rows {
		var got audit.Row
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if !bytes.Equal(a, b) {
			t.Errorf("line %d is %s, want %s", i, a, b)
		}
		if records[i+1][0] != want.ID || records[i+1][2] != want.Action {
			t.Errorf("record %d is %v", i, records[i+1])
		}
	}
	if decoder.More() {
		t.Error("there are more lines than rows")
	}
}

func TestStreamOfNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	for media, want := range map[string]int{audit.MediaCSV: 1, audit.MediaJSONL: 0} {
		var out bytes.Buffer
		if err := h.service.Stream(t.Context(), &out, media, audit.Scope{OrganizationID: acme}, audit.Filter{}); err != nil || strings.Count(out.String(), "\r\n") != want {
			t.Errorf("%s: %q, %v", media, out.String(), err)
		}
	}
	if err := h.service.Stream(t.Context(), &bytes.Buffer{}, "text/html", audit.Scope{OrganizationID: acme}, audit.Filter{}); err == nil {
		t.Error("an unknown media type is streamed")
	}
}
