package harness

import (
	"strings"
	"sync"
)

// Log collects what a process writes. The zero value is empty.
type Log struct {
	mu sync.Mutex
	b  strings.Builder
}

// Write appends p.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is everything written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Tail is the last n lines.
func (l *Log) Tail(n int) string {
	lines := strings.Split(strings.TrimRight(l.String(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// secrets are the values of a journey that nobody may find in a log or a file.
type secrets struct {
	mu     sync.Mutex
	values map[string]bool
}

func (s *secrets) add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string]bool{}
	}
	for _, v := range values {
		if len(v) >= 8 {
			s.values[v] = true
		}
	}
}

// in returns the first secret that text holds, or nothing.
func (s *secrets) in(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for v := range s.values {
		if strings.Contains(text, v) {
			return v
		}
	}
	return ""
}

// SecretIn returns a secret of the journey, a token or a password, that text holds.
func (sys *System) SecretIn(text string) string { return sys.secrets.in(text) }

// Secret declares a value that no log may show.
func (sys *System) Secret(values ...string) { sys.secrets.add(values...) }
