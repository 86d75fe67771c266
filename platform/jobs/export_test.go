package jobs

import "log/slog"

// Quiet is what River's lines go through on their way to h.
func Quiet(h slog.Handler) slog.Handler { return quieter{h} }
