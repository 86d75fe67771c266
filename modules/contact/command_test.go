package contact_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/contact"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
)

// run runs authy2 with the arguments.
func (h *house) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := h.Commands()[0]
	if c.Name() != args[0] {
		t.Fatalf("there is no command %s", args[0])
	}
	c.PersistentFlags().Bool("json", false, "")
	c.SetOut(&out)
	c.SetErr(io.Discard)
	c.SetArgs(args[1:])
	c.SilenceUsage = true
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// fill adds enquiries of Carol the quick way, a second apart.
func (h *house) fill(t testing.TB, n int) {
	t.Helper()
	type row struct {
		bun.BaseModel `bun:"table:contact_enquiries"`

		contact.Enquiry
	}
	start := h.Clock.Now()
	for n > 0 {
		rows := make([]row, min(n, 500))
		for i := range rows {
			rows[i].Enquiry = contact.Enquiry{
				ID: id.Generator{}.New(), Type: contact.TypeGeneral, Name: "Carol", Email: "carol@example.com", Message: "One of many.",
				CreatedAt: start.Add(-time.Duration(n-i) * time.Second),
			}
		}
		err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewInsert().Model(&rows).Exec(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		n -= len(rows)
	}
}

// written is a house with three enquiries that file formats could stumble over.
func written(t *testing.T, b platformtest.Backend) *site {
	t.Helper()
	s := newSite(t, b)
	for i, changes := range [][]any{
		{"name", "=HYPERLINK(\"http://x\",\"y\")", "company", "+1", "phone", "-1", "message", "@SUM(A1:A2)\tand\nmore, \"quoted\""},
		{"name", "Jürgen <b>日本</b>", "enquiry_type", "support", "message", "\n\n=1+1 & more \u00a0\n\n"},
		{"name", "  Carol", "enquiry_type", "sales_enquiry", "company", "Acme; Söhne, Ltd."},
	} {
		s.Clock.Set(time.Date(2031, time.January, i+1, 12, 0, 0, 123456000, time.UTC))
		if status, got, _ := s.post(t.Context(), t, body(t, changes...)); status != 201 {
			t.Fatalf("%d %s", status, got)
		}
	}
	s.facts.take(t)
	return s
}

// What the operator is shown, whole.
func TestCommands(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := written(t, b)
		oldest := s.all(t, contact.Filter{})[2].ID
		var all strings.Builder
		for _, args := range []string{
			"contact list", "contact list --json", "contact list --type support", "contact list --since 2031-01-02",
			"contact list --since 2031-01-02T12:00:00.123456Z --type sales_enquiry", "contact list --since 2031-01-02T12:00:00.123457Z",
			"contact list --since 2031-01-02T13:00:00.123456+01:00", "contact list --since 2032-01-01",
			"contact show " + strings.ToUpper(oldest), "contact show --json " + oldest, "contact export", "contact export --json",
			"contact export --format jsonl --type support", "contact export --format csv --json --since 2031-01-03",
		} {
			got, err := s.run(t, strings.Fields(args)...)
			if err != nil {
				t.Errorf("%s: %v", args, err)
			}
			fmt.Fprintf(&all, "$ authy2 %s\n%s", strings.NewReplacer(oldest, "<id>", strings.ToUpper(oldest), "<ID>").Replace(args), strings.ReplaceAll(got, "\r", "␍"))
		}
		platformtest.Golden(t, "testdata/commands.golden", []byte(all.String()))
		facts := s.facts.take(t)
		if len(facts) != 4 || facts[0].Action != "contact.export" || facts[3].Metadata["format"] != "csv" || facts[3].Metadata["since"] != "2031-01-03T00:00:00Z" ||
			facts[2].Metadata["enquiry_type"] != "support" {
			t.Errorf("the exports leave %+v", facts)
		}
		for args, want := range map[string]string{
			"contact list --type Support":                               "--type is one of demo_request",
			"contact export --type spam":                                "--type is one of demo_request",
			"contact list --since yesterday":                            "--since is a day",
			"contact export --format xlsx":                              "--format is csv or jsonl",
			"contact list now":                                          "unknown command",
			"contact show":                                              "accepts 1 arg",
			"contact show 1":                                            "nothing here",
			"contact show 0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30":         "nothing here",
			"contact show 0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30' OR '1'": "accepts 1 arg",
		} {
			if _, err := s.run(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", args, err, want)
			}
		}
		if facts := s.facts.take(t); len(facts) != 0 {
			t.Errorf("refused exports leave %+v", facts)
		}
	})
}

// An export holds every enquiry once, also those of one moment and those that lie where a
// page ends; both forms say the same.
func TestExportsAreWhole(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		const moment = contact.StreamPage + 20
		for range moment { // all at the time where the clock stands
			h.submit(t, func(*contact.NewEnquiry) {})
		}
		h.fill(t, 2*contact.StreamPage-20)
		want := h.all(t, contact.Filter{})
		seen := map[string]bool{}
		for i, e := range want {
			if seen[e.ID] || (i > 0 && e.CreatedAt.After(want[i-1].CreatedAt)) {
				t.Fatalf("%s at %d is there twice, or in the wrong place", e.ID, i)
			}
			seen[e.ID] = true
		}
		if len(want) != 3*contact.StreamPage {
			t.Fatalf("%d enquiries", len(want))
		}
		cells, err := h.run(t, "contact", "export")
		if err != nil {
			t.Fatal(err)
		}
		lines, err := h.run(t, "contact", "export", "--format", "jsonl")
		if err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(strings.NewReader(cells)).ReadAll()
		if err != nil || len(records) != len(want)+1 {
			t.Fatalf("%d records, %v", len(records), err)
		}
		decoder := json.NewDecoder(strings.NewReader(lines))
		for i, e := range want {
			var got contact.Enquiry
			if err := decoder.Decode(&got); err != nil || !reflect.DeepEqual(got, e) {
				t.Fatalf("line %d is %+v, %v", i, got, err)
			}
			if records[i+1][0] != e.ID || records[i+1][7] != e.Message {
				t.Fatalf("record %d is %v", i, records[i+1])
			}
		}
		if decoder.More() {
			t.Error("there are more lines than enquiries")
		}
	})
}

// A reader who goes away ends the export.
func TestExportStops(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	h.fill(t, 1000)
	n := 0
	before := h.Statements()
	err := h.Each(t.Context(), contact.Filter{}, func(contact.Enquiry) error { n++; return errBroken })
	if err == nil || n != 1 || h.Statements()-before != 1 {
		t.Errorf("%v after %d enquiries and %d statements", err, n, h.Statements()-before)
	}
}
