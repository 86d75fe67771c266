package middleware

// TraceID returns the trace id of a traceparent header (W3C Trace Context, level 1), or
// empty when there is not exactly one that is valid. Versions to come are read by their
// first four fields, as the standard asks.
func TraceID(values []string) string {
	if len(values) != 1 {
		return ""
	}
	s := values[0]
	const size = 2 + 1 + 32 + 1 + 16 + 1 + 2
	switch {
	case len(s) < size, s[2] != '-', s[35] != '-', s[52] != '-':
		return ""
	case !lowerHex(s[:2]), !lowerHex(s[3:35]), !lowerHex(s[36:52]), !lowerHex(s[53:55]):
		return ""
	case s[:2] == "ff", allZero(s[3:35]), allZero(s[36:52]):
		return ""
	case s[:2] == "00" && len(s) != size:
		return ""
	case len(s) > size && s[size] != '-':
		return ""
	}
	return s[3:35]
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func allZero(s string) bool {
	for i := range len(s) {
		if s[i] != '0' {
			return false
		}
	}
	return true
}
