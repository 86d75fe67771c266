package audit

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// cutMark is the name that metadata gets when some of it was left out.
const cutMark = "_cut"

// longestValue bounds one value of metadata, in bytes.
const longestValue = 2 << 10

// bounded returns s in at most n bytes of UTF-8 without NUL, which PostgreSQL has no place
// for. What cannot stand is replaced by U+FFFD.
func bounded(s string, n int) string {
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	}
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// boundedMap returns metadata as JSON of at most 8 KiB, names sorted, and as the map that
// this JSON is of. When something was left out, the mark says so.
func boundedMap(given map[string]string) (string, map[string]string) {
	if len(given) == 0 {
		return "{}", nil
	}
	kept := make(map[string]string, len(given)+1)
	size, cut := len(`{"`+cutMark+`":"true"}`), false
	for _, name := range slices.Sorted(maps.Keys(given)) {
		n, v := bounded(name, longestAction), bounded(given[name], longestValue)
		if n != name || v != given[name] {
			cut = true
		}
		more := jsonSize(n) + jsonSize(v) + len(`:,`)
		if _, taken := kept[n]; taken || size+more > longestMetadata {
			cut = true
			continue
		}
		kept[n], size = v, size+more
	}
	if cut {
		kept[cutMark] = "true"
	}
	text, err := json.Marshal(kept)
	if err != nil { // a map of texts always can be
		return "{}", nil
	}
	return string(text), kept
}

// jsonSize is how long a text is in JSON.
func jsonSize(s string) int {
	b, err := json.Marshal(s)
	if err != nil {
		return longestMetadata
	}
	return len(b)
}
