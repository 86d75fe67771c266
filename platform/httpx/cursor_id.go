package httpx

import "github.com/authy2/backend/platform/id"

// idPosition is where a page of a list ended whose order is that of its ids, which is that
// of creation.
type idPosition struct {
	ID string `json:"id"`
}

// AfterID returns the id that a page begins after, from a cursor of [IDPage]; empty is the
// start of the list. Anything else is a validation error of the field cursor.
func AfterID(cursor string) (string, error) {
	position, given, err := DecodeCursor[idPosition](cursor)
	if err != nil || !given {
		return "", err
	}
	after, ok := id.Parse(position.ID)
	if !ok {
		return "", errCursor
	}
	return after, nil
}

// IDPage is the position of a page of up to limit rows whose list goes on after the row of
// the id next; empty is the last page.
func IDPage(limit int, next string) (*Page, error) {
	page := &Page{Limit: limit}
	if next == "" {
		return page, nil
	}
	var err error
	page.Next, err = EncodeCursor(idPosition{ID: next})
	return page, err
}
