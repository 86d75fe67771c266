package httpx

import (
	"strings"

	"github.com/authy2/backend/platform/apperr"
)

// IfMatch is embedded in the input of changes to a single resource.
type IfMatch struct {
	// Match is the If-Match header; empty when the client sent none.
	Match string `header:"If-Match" doc:"Entity tags that the resource must still have" example:"\"5f1c\""`
}

// Check returns [apperr.ErrPreconditionFailed] when the client wants the resource as
// it was and it is no longer (RFC 9110 §13.1.1). etag is the current tag, quotes
// included. Tags are compared strongly, so that a weak one never matches. Call it inside
// the transaction that makes the change.
func (m IfMatch) Check(etag string) error {
	if m.Match == "" || matches(m.Match, etag, false) {
		return nil
	}
	return apperr.ErrPreconditionFailed
}

// noneMatch reports whether If-None-Match names the tag, so that the client has the
// resource already (RFC 9110 §13.1.2, compared weakly).
func noneMatch(values []string, etag string) bool {
	for _, v := range values {
		if matches(v, etag, true) {
			return true
		}
	}
	return false
}

// matches reports whether a list of entity tags names etag. A list that is not written
// as RFC 9110 §8.8.3 asks names what was readable before the fault.
func matches(list, etag string, weak bool) bool {
	list = strings.TrimSpace(list)
	if list == "*" {
		return true
	}
	opaque, isWeak := strings.CutPrefix(etag, "W/")
	if isWeak && !weak {
		return false
	}
	for list != "" {
		rest, wasWeak := strings.CutPrefix(list, "W/")
		if rest == "" || rest[0] != '"' {
			return false
		}
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 {
			return false
		}
		if rest[:end+2] == opaque && (weak || !wasWeak) {
			return true
		}
		list = strings.TrimLeft(rest[end+2:], " \t")
		if list == "" {
			return false
		}
		if list[0] != ',' {
			return false
		}
		list = strings.TrimLeft(list, ", \t")
	}
	return false
}
