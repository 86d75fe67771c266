package telemetry

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Format is how log lines are written.
type Format string

// The formats.
const (
	JSON Format = "json"
	Text Format = "text"
)

// FlushEvery is how long an informational line may wait in the buffer.
const FlushEvery = time.Second

// bufferSize holds about a second of lines of a busy server before it is written early.
const bufferSize = 64 << 10

// Log is a logger with the buffer behind it. Close it last.
type Log struct {
	*slog.Logger
	out  *buffered
	done chan struct{}
	once sync.Once
	wait sync.WaitGroup
}

// NewLog returns a logger that writes lines of at least level to w. It returns an error
// for an unknown format. The buffer is flushed by a goroutine until Close.
func NewLog(w io.Writer, format Format, level slog.Level) (*Log, error) {
	out := &buffered{w: bufio.NewWriterSize(w, bufferSize)}
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler
	switch format {
	case JSON:
		h = slog.NewJSONHandler(out, options)
	case Text:
		h = slog.NewTextHandler(out, options)
	default:
		return nil, fmt.Errorf("log format %q is not one of json, text", string(format))
	}
	l := &Log{Logger: slog.New(through{Handler: h, out: out}), out: out, done: make(chan struct{})}
	l.wait.Go(l.flushLoop)
	return l, nil
}

// Close writes what is buffered and stops the flushing goroutine. Lines logged after
// it are written at the next warning only.
func (l *Log) Close() error {
	l.once.Do(func() { close(l.done) })
	l.wait.Wait()
	return l.out.Flush()
}

func (l *Log) flushLoop() {
	tick := time.NewTicker(FlushEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-tick.C:
			// Nothing can be told of a log that cannot be written.
			_ = l.out.Flush()
		}
	}
}

// buffered is a writer that many goroutines may write lines to.
type buffered struct {
	mu sync.Mutex
	w  *bufio.Writer
}

func (b *buffered) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.w.Write(p)
}

func (b *buffered) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.w.Flush()
}

// through writes warnings and errors through the buffer: a process that dies right
// after them must not take them along.
type through struct {
	slog.Handler
	out *buffered
}

func (t through) Handle(ctx context.Context, r slog.Record) error {
	if err := t.Handler.Handle(ctx, r); err != nil {
		return err
	}
	if r.Level >= slog.LevelWarn {
		return t.out.Flush()
	}
	return nil
}

func (t through) WithAttrs(a []slog.Attr) slog.Handler {
	return through{Handler: t.Handler.WithAttrs(a), out: t.out}
}

func (t through) WithGroup(name string) slog.Handler {
	return through{Handler: t.Handler.WithGroup(name), out: t.out}
}
