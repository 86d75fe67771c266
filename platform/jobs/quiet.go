package jobs

import (
	"context"
	"log/slog"
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

// Handle logs the record at its lowered level.
func (q quieter) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lowered(r.Level)
	timely := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		timely.AddAttrs(writable(a))
		return true
	})
	return q.Handler.Handle(ctx, timely)
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
