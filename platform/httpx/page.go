package httpx

import (
	"net/url"
	"reflect"
	"strconv"
)

// PageQuery is embedded in the input of lists: where to begin and how many rows.
type PageQuery struct {
	// Limit is how many rows are wanted.
	Limit int `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"How many rows to answer with at most"`
	// Cursor is the next_cursor of the page before; empty begins at the start.
	Cursor string `query:"cursor" maxLength:"512" doc:"The next_cursor of the page before"`
}

// nextLink returns the Link header that leads to the next page (RFC 8288).
func (a *API) nextLink(u *url.URL, page *Page) string {
	q := u.Query()
	q.Set("limit", strconv.Itoa(page.Limit))
	q.Set("cursor", page.Next)
	return "<" + a.base + u.EscapedPath() + "?" + q.Encode() + `>; rel="next"`
}

// isList reports whether an operation with that input answers with a page of a list.
func isList(input reflect.Type) bool {
	if input.Kind() != reflect.Struct {
		return false
	}
	f, ok := input.FieldByName("PageQuery")
	return ok && f.Type == reflect.TypeFor[PageQuery]()
}
