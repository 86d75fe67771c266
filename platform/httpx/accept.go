package httpx

import (
	"context"
	"strings"
)

// Accepted returns which of the operation's Streams the client prefers to JSON (RFC 9110
// §12.5.1); empty when it wants JSON, or says nothing, and outside of a request.
func Accepted(ctx context.Context) string {
	if ex, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return ex.stream
	}
	return ""
}

// negotiate returns the stream that the client prefers to JSON; empty when there is none.
// A client that wants nothing of what there is gets JSON.
func negotiate(accept, streams []string) string {
	chosen, best := "", wishFor(accept, mediaJSON)
	for _, s := range streams {
		if w := wishFor(accept, s); w.beats(best) {
			chosen, best = s, w
		}
	}
	return chosen
}

// wantsProblem reports whether the Accept headers ask for RFC 9457 rather than for the
// envelope, which is what everybody else gets: only by its name, and not below the
// envelope's.
func wantsProblem(accept []string) bool {
	problem, envelope := wishFor(accept, mediaProblem), wishFor(accept, mediaJSON)
	return problem.named == byName && problem.quality > 0 &&
		(envelope.named < byName || problem.quality >= envelope.quality)
}

// How exactly a media range names a media type.
const (
	notNamed = iota
	byAnything
	byType
	byName
)

// wish is how much a client wants a media type. The zero value is not at all.
type wish struct {
	// quality is the weight in thousandths.
	quality int
	// named is how exactly the range names it that says so.
	named int
}

// beats reports whether w is the stronger wish. Of two with one weight that is the one
// that names what it wants: text/csv, */* asks for CSV.
func (w wish) beats(other wish) bool {
	if w.quality != other.quality {
		return w.quality > other.quality
	}
	return w.quality > 0 && w.named > other.named
}

// wishFor reads the Accept headers for one media type. The most exact range decides (RFC
// 9110 §12.5.1), and of several such ranges the one that wants it most.
func wishFor(accept []string, media string) wish {
	var best wish
	for _, line := range accept {
		for line != "" {
			var element string
			element, line = cutElement(line, ',')
			pattern, params := cutElement(element, ';')
			w := wish{named: naming(strings.TrimSpace(pattern), media)}
			if w.named == notNamed || w.named < best.named {
				continue
			}
			if w.quality = quality(params); w.named > best.named || w.quality > best.quality {
				best = w
			}
		}
	}
	return best
}

// naming tells how exactly a range names a media type.
func naming(pattern, media string) int {
	switch {
	case pattern == "*/*":
		return byAnything
	case strings.EqualFold(pattern, media):
		return byName
	}
	kind, ok := strings.CutSuffix(pattern, "/*")
	if own, _, _ := strings.Cut(media, "/"); ok && strings.EqualFold(kind, own) {
		return byType
	}
	return notNamed
}

// quality reads the weight among the parameters of a media range, in thousandths (RFC
// 9110 §12.4.2). One that is not written in due form wants nothing.
func quality(params string) int {
	for params != "" {
		var p string
		p, params = cutElement(params, ';')
		if name, value, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(name, "q") {
			return thousandths(value)
		}
	}
	return 1000
}

// thousandths reads a number between 0 and 1. Like others, it reads .5 as 0.5, and does
// not mind a fourth decimal.
func thousandths(s string) int {
	whole, decimals, _ := strings.Cut(s, ".")
	n := 0
	switch {
	case whole == "1":
		n = 1000
	case whole != "0" && (whole != "" || decimals == ""):
		return 0
	}
	for i, unit := 0, 100; i < len(decimals); i, unit = i+1, unit/10 {
		if decimals[i] < '0' || decimals[i] > '9' {
			return 0
		}
		n += int(decimals[i]-'0') * unit
	}
	if n > 1000 {
		return 0
	}
	return n
}

// cutElement returns what stands before the first separator that is not inside a quoted
// string (RFC 9110 §5.6.4), and what follows it.
func cutElement(s string, separator byte) (element, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
