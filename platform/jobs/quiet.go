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
	return q.Handler.Handle(ctx, r)
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
