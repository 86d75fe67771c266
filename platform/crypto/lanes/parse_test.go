package lanes_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/crypto/lanes"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"$2a$", "$2b$", "$2y$"} {
		for text, cost := range map[string]int{"04": 4, "05": 5, "12": 12, "31": 31} {
			hash := prefix + text + vector[6:]
			p := parse(t, hash)
			if p.Cost != cost || encode(prefix[2], p.Cost, p.Salt, p.Digest) != hash {
				t.Errorf("Parse(%q) = %+v", hash, p)
			}
			if want := "$2a$" + text + vector[6:]; p.String() != want {
				t.Errorf("Parse(%q).String() = %q, want %q", hash, p, want)
			}
		}
	}
}

// TestParseIgnoresSpareSaltBits: the last character of a salt carries two bits, and some
// programs filled the rest.
func TestParseIgnoresSpareSaltBits(t *testing.T) {
	t.Parallel()
	clean, filled := parse(t, vector), parse(t, vector[:28]+"/"+vector[29:])
	if clean != filled {
		t.Errorf("%+v and %+v differ", clean, filled)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	at := func(i int, c string) string { return vector[:i] + c + vector[i+len(c):] }
	for name, hash := range map[string]string{
		"nothing":                 "",
		"short":                   vector[:59],
		"long":                    vector + ".",
		"no first dollar":         at(0, "_"),
		"another scheme":          at(1, "1"),
		"broken scheme":           at(2, "x"),
		"unknown minor":           at(2, "c"),
		"first version":           "$2$" + vector[4:] + ".",
		"no dollar after version": at(3, "."),
		"no dollar after cost":    at(6, "."),
		"cost not digits":         at(4, "1x"),
		"cost signed":             at(4, "+5"),
		"cost of spaces":          at(4, " 5"),
		"cost too low":            at(4, "03"),
		"cost nothing":            at(4, "00"),
		"cost too high":           at(4, "32"),
		"cost highest":            at(4, "99"),
		"salt outside alphabet":   at(10, "+"),
		"salt with padding":       at(27, "=="),
		"salt with line end":      at(10, "\n"),
		"salt with line ends":     at(10, "\r\n\r\n"),
		"salt not ASCII":          at(10, "é"),
		"digest outside alphabet": at(40, "!"),
		"digest with NUL":         at(40, "\x00"),
		"digest with line end":    at(59, "\n"),
		"digest with line ends":   at(40, "\n\n\n\n"),
		"digest with padding":     at(59, "="),
		"digest with spare bits":  at(59, "X"),
		"blanks":                  strings.Repeat(" ", 60),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := lanes.Parse(hash)
			if !errors.Is(err, lanes.ErrHash) || p != (lanes.Parsed{}) {
				t.Errorf("Parse(%q) = %+v, %v, want ErrHash", hash, p, err)
			}
		})
	}
}
