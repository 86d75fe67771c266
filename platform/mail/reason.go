package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"
	"unicode"
)

const (
	firstPause = time.Second
	// longestPause and the sweep's interval together keep the wait within 15 s.
	longestPause = 10 * time.Second
	longestWords = 200
)

// pause returns how long a mail waits after its nth attempt: it doubles, and is spread over
// its upper half so that mails that failed together do not come back together.
func pause(random io.Reader, attempts int) time.Duration {
	longest := longestPause
	if attempts >= 1 && attempts <= 4 {
		longest = min(longest, firstPause<<(attempts-1))
	}
	var spread [1]byte
	if _, err := io.ReadFull(random, spread[:]); err != nil {
		return longest
	}
	return longest/2 + longest/2*time.Duration(spread[0])/256
}

// reason says why an attempt failed, in words that hold nothing of the mail: those of a
// [Failure], or of this program and the operating system.
func reason(err error) string {
	var known *Failure
	var system syscall.Errno
	switch {
	case errors.As(err, &known):
		return clean(known.Reason)
	case errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &system):
		return system.Error()
	}
	return fmt.Sprintf("an error of type %T", err)
}

// clean returns s as one short line that every database takes.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.ToValidUTF8(s[:min(len(s), longestWords)], "")
}
