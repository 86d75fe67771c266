package audit

import (
	"regexp"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/id"
)

// FilterQuery is embedded in the input of what reads the trail. Rows match every filter
// that is given.
type FilterQuery struct {
	Action       string `query:"action" minLength:"1" maxLength:"100" doc:"Rows of this action" example:"org.member.add"`
	ActorID      string `query:"actor_id" format:"uuid" doc:"Rows of acts by this user"`
	ResourceType string `query:"resource_type" minLength:"1" maxLength:"100" doc:"Rows of acts on this type of thing" example:"member"`
	ResourceID   string `query:"resource_id" minLength:"1" maxLength:"255" doc:"Rows of acts on this thing"`
	Since        string `query:"since" format:"date-time" doc:"Rows from this time on (RFC 3339)"`
	Until        string `query:"until" format:"date-time" doc:"Rows up to and including this time (RFC 3339)"`
	Success      string `query:"success" enum:"true,false" doc:"Rows of acts that succeeded, or of those that did not"`
}

// Filter says which rows are wanted. The zero value wants all.
type Filter struct {
	Action, ActorID, ResourceType, ResourceID string
	// Since and Until are inclusive; the zero time is no bound.
	Since, Until time.Time
	// Success is nil for both.
	Success *bool
}

// parse reads the filters. All complaints are one validation error.
func (q *FilterQuery) parse() (Filter, error) {
	f := Filter{Action: q.Action, ResourceType: q.ResourceType, ResourceID: q.ResourceID}
	wrong := map[string][]string{}
	if q.ActorID != "" {
		var ok bool
		if f.ActorID, ok = id.Parse(q.ActorID); !ok {
			wrong["actor_id"] = []string{"Not a valid UUID."}
		}
	}
	if canonical, ok := id.Parse(q.ResourceID); ok {
		f.ResourceID = canonical
	}
	moment := func(name, given string, up bool) time.Time {
		if given == "" {
			return time.Time{}
		}
		t, err := time.Parse(time.RFC3339, given)
		if err != nil {
			wrong[name] = []string{"Not a valid datetime."}
		}
		return storable(t, up)
	}
	f.Since, f.Until = moment("since", q.Since, true), moment("until", q.Until, false)
	switch q.Success {
	case "":
	case "true", "false":
		wanted := q.Success == "true"
		f.Success = &wanted
	default:
		wrong["success"] = []string{"Must be one of: true, false."}
	}
	return f, apperr.Fields(wrong)
}

// storable returns the time in the precision of stored ones, so that the bound stays
// inclusive, and within the years whose order is that of their text.
func storable(t time.Time, up bool) time.Time {
	c := database.Canonical(t)
	if up && c.Before(t) {
		c = c.Add(time.Microsecond)
	}
	if earliest := time.Date(1, time.January, 1, 0, 0, 0, 1000, time.UTC); c.Before(earliest) {
		return earliest
	}
	if latest := time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC); c.After(latest) {
		return latest
	}
	return c
}

// ordinary is the form of the names that modules use. A filter of another form may be
// anything, an address too.
var ordinary = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,99}$`)

// words are the filters as they may be kept for ever: what they ask for, but nothing that
// could be about a person.
func (f *Filter) words() map[string]string {
	words := map[string]string{}
	name := func(key, value string) {
		switch {
		case value == "":
		case ordinary.MatchString(value):
			words[key] = value
		default:
			words[key] = "given"
		}
	}
	name("action", f.Action)
	name("resource_type", f.ResourceType)
	if f.ActorID != "" {
		words["actor_id"] = f.ActorID
	}
	if _, ok := id.Parse(f.ResourceID); ok {
		words["resource_id"] = f.ResourceID
	} else if f.ResourceID != "" {
		words["resource_id"] = "given"
	}
	if !f.Since.IsZero() {
		words["since"] = f.Since.Format(time.RFC3339Nano)
	}
	if !f.Until.IsZero() {
		words["until"] = f.Until.Format(time.RFC3339Nano)
	}
	if f.Success != nil {
		words["success"] = boolText(*f.Success)
	}
	return words
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
