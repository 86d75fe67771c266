package audit_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
)

func TestParse(t *testing.T) {
	t.Parallel()
	moment := time.Date(2026, time.March, 1, 10, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		query audit.FilterQuery
		want  audit.Filter
	}{
		"nothing":          {audit.FilterQuery{}, audit.Filter{}},
		"texts":            {audit.FilterQuery{Action: "a.b", ResourceType: "member", ResourceID: "x y"}, audit.Filter{Action: "a.b", ResourceType: "member", ResourceID: "x y"}},
		"ids in capitals":  {audit.FilterQuery{ActorID: strings.ToUpper(ann), ResourceID: strings.ToUpper(bob)}, audit.Filter{ActorID: ann, ResourceID: bob}},
		"times":            {audit.FilterQuery{Since: "2026-03-01T11:00:00+01:00", Until: "2026-03-01T10:00:00Z"}, audit.Filter{Since: moment, Until: moment}},
		"finer than a row": {audit.FilterQuery{Since: "2026-03-01T10:00:00.0000001Z", Until: "2026-03-01T10:00:00.0000009Z"}, audit.Filter{Since: moment.Add(time.Microsecond), Until: moment}},
		"the first year":   {audit.FilterQuery{Since: "0000-01-01T00:00:00Z"}, audit.Filter{Since: time.Date(1, time.January, 1, 0, 0, 0, 1000, time.UTC)}},
		"the last year":    {audit.FilterQuery{Until: "9999-12-31T23:59:59-23:00"}, audit.Filter{Until: time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)}},
	} {
		got, err := tc.query.Parse()
		if err != nil || got != tc.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for success, want := range map[string]bool{"true": true, "false": false} {
		if got, err := (audit.FilterQuery{Success: success}).Parse(); err != nil || got.Success == nil || *got.Success != want {
			t.Errorf("%s: %+v, %v", success, got, err)
		}
	}
	_, err := audit.FilterQuery{ActorID: "x", Since: "yesterday", Until: "2026-13-01T00:00:00Z", Success: "1"}.Parse()
	var told *apperr.Error
	if !errors.As(err, &told) {
		t.Fatal(err)
	}
	for _, field := range []string{"actor_id", "since", "until", "success"} {
		if told.Details()[field] == nil {
			t.Errorf("%s is not complained of: %v", field, told.Details())
		}
	}
}

// What an export keeps of its filters says nothing about a person.
func TestWords(t *testing.T) {
	t.Parallel()
	f, err := audit.FilterQuery{
		Action: "user.login", ActorID: ann, ResourceType: "eve@example.com", ResourceID: "eve@example.com",
		Since: "2026-03-01T10:00:00Z", Until: "2026-03-02T10:00:00.5Z", Success: "false",
	}.Parse()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"action": "user.login", "actor_id": ann, "resource_type": "given", "resource_id": "given",
		"since": "2026-03-01T10:00:00Z", "until": "2026-03-02T10:00:00.5Z", "success": "false",
	}
	if got := f.Words(); !maps.Equal(got, want) {
		t.Errorf("words: %v", got)
	}
	if got := (audit.Filter{ResourceID: bob}).Words(); !maps.Equal(got, map[string]string{"resource_id": bob}) {
		t.Errorf("words: %v", got)
	}
	if got := (audit.Filter{}).Words(); len(got) != 0 {
		t.Errorf("words: %v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("user.login", ann, "member", bob, "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000000001+23:59", "true")
	f.Add("", "", "", "", "0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "")
	f.Add("\x00", "{"+ann+"}", "\xff", "?", "x", "", "TRUE")
	f.Fuzz(func(t *testing.T, action, actor, kind, thing, since, until, success string) {
		got, err := audit.FilterQuery{
			Action: action, ActorID: actor, ResourceType: kind, ResourceID: thing, Since: since, Until: until, Success: success,
		}.Parse()
		if err != nil {
			if !errors.Is(err, apperr.ErrValidation) {
				t.Errorf("%v", err)
			}
			return
		}
		for name, at := range map[string]time.Time{"since": got.Since, "until": got.Until} {
			if at.IsZero() {
				continue
			}
			if at.Year() < 1 || at.Year() > 9999 || at.Location() != time.UTC || at.Nanosecond()%1000 != 0 {
				t.Errorf("%s is %v", name, at)
			}
		}
		for name, word := range got.Words() {
			if !utf8.ValidString(word) || strings.ContainsAny(word, "@ \x00\n") {
				t.Errorf("%s is kept as %q", name, word)
			}
		}
		sql, args := audit.PageSQL(database.SQLite, audit.Scope{UserID: ann}, got, nil, 10)
		if n := strings.Count(sql, "?"); n != len(args) {
			t.Errorf("%d places and %d arguments", n, len(args))
		}
		for _, given := range []string{action, kind, thing} {
			if len(given) > 20 && strings.Contains(sql, given) {
				t.Errorf("the statement holds %q", given)
			}
		}
	})
}
