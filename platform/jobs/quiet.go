package jobs

import (
	"context"
	"errors"
	"log/slog"
	"strings"
)

// quiet returns the logger for River, whose news are our details: what it reports at info
// is logged at debug.
func (c *Client) quiet() *slog.Logger {
	return slog.New(quieter{c.log.Handler()}).With("component", "river")
}

type quieter struct{ slog.Handler }

// Enabled asks for the level that the record will have.
func (q quieter) Enabled(ctx context.Context, level slog.Level) bool {
	return q.Handler.Enabled(ctx, lowered(level))
}

// Handle logs the record at its lowered level. That somebody does not wait for an answer
// any more is no fault, whatever level River gives it: a stop interrupts what it is at, and
// what it did not do then is done by the next poll.
func (q quieter) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lowered(r.Level)
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		if interrupted(a) {
			r.Level = slog.LevelDebug
		}
		attrs = append(attrs, writable(a))
		return true
	})
	if !q.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	timely := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	timely.AddAttrs(attrs...)
	return q.Handler.Handle(ctx, timely)
}

// hangUp is what the driver says of a connection that this process has closed itself, in
// the middle of a wait. One that broke says how.
const hangUp = "conn closed"

// interrupted reports whether a names an error that is nothing but an interruption. River
// gives errors as values or as their texts.
func interrupted(a slog.Attr) bool {
	if a.Key != "err" && a.Key != "error" {
		return false
	}
	if err, ok := a.Value.Any().(error); ok {
		return errors.Is(err, context.Canceled)
	}
	text := a.Value.String() // whatever stands before it
	return strings.HasSuffix(text, context.Canceled.Error()) || strings.HasSuffix(text, hangUp)
}

// writable returns a with times beyond the year 9999, by which River means never, as
// text: RFC 3339 has no form for them, and slog would write a line that is no JSON.
func writable(a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindTime && a.Value.Time().Year() > 9999 {
		return slog.String(a.Key, "never")
	}
	return a
}

// WithAttrs keeps the wrapper.
func (q quieter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quieter{q.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the wrapper.
func (q quieter) WithGroup(name string) slog.Handler { return quieter{q.Handler.WithGroup(name)} }

func lowered(level slog.Level) slog.Level {
	if level >= slog.LevelInfo && level < slog.LevelWarn {
		return slog.LevelDebug
	}
	return level
}
