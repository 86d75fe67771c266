package httpx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/clock"
)

const (
	// streamBuffer is how much of a stream is held at a time.
	streamBuffer = 32 << 10
	// streamPause is how long what was written waits for more.
	streamPause = time.Second
)

// stream answers an exchange whose handler replied with one. It holds one buffer of it,
// whatever its size, and cuts the connection of a reader that stalls.
func (a *API) stream(ex *exchange) {
	s := ex.out.Stream
	if s.Write == nil || !slices.Contains(ex.route.Streams, s.Media) {
		a.fail(ex, fmt.Errorf("httpx: operation %s answers with a stream of %q, which it does not declare", ex.route.ID, s.Media))
		return
	}
	w := &streamWriter{
		ctx: ex.ctx, gin: ex.gin, conn: http.NewResponseController(underneath(ex.gin.Writer)), stall: a.settings.StallTimeout,
		answer: a.opening(ex), filename: s.Filename,
	}
	w.answer.media = []string{s.Media}
	if w.answer.status == http.StatusNotModified {
		w.answer.write(ex.gin)
		return
	}
	if ex.gin.Request.Method == http.MethodHead {
		w.open()
		ex.gin.Writer.WriteHeaderNow()
		return
	}
	// The server's deadline for reading the request would end the request's context.
	_ = w.conn.SetReadDeadline(time.Time{})
	w.buf = make([]byte, 0, streamBuffer)
	err := s.Write(ex.Context(), w)
	if err == nil {
		w.flush() // the rest; or the header of an empty body
	}
	if w.err != nil { // whatever became of it on its way through Write
		err = w.err
	}
	switch {
	case err == nil:
	case !w.opened:
		a.fail(ex, err)
	default:
		a.reportCut(ex, w.err != nil, err)
		panic(http.ErrAbortHandler)
	}
}

// reportCut logs why a client got half an answer. When the client itself is why, that is
// no error.
func (a *API) reportCut(ex *exchange, byClient bool, err error) {
	level := slog.LevelError
	switch public := apperr.From(err); {
	case byClient && !errors.Is(err, os.ErrDeadlineExceeded), clientGone(ex.ctx, err):
		return // it left
	case byClient:
		level = slog.LevelInfo // it stalled
	case public.Kind() != apperr.Internal:
		level = slog.LevelWarn
	}
	a.deps.Log.LogAttrs(ex.ctx, level, "a stream was cut",
		slog.String("request_id", ex.client.RequestID),
		slog.String("trace_id", ex.client.TraceID),
		slog.String("route", ex.route.Path),
		slog.String("error", err.Error()))
}

// underneath returns the writer that gin wraps, whose Flush tells of errors.
func underneath(w gin.ResponseWriter) http.ResponseWriter {
	if u, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return u.Unwrap()
	}
	return w
}

// streamWriter sends a stream in pieces of one buffer. The header goes with the first.
type streamWriter struct {
	ctx      context.Context //nolint:containedctx // a stream lives as long as its request
	gin      *gin.Context
	conn     *http.ResponseController
	stall    time.Duration
	answer   answer
	filename string
	buf      []byte
	// sent is when the last piece went.
	sent   time.Time
	opened bool
	// err is why nothing more can be sent.
	err error
}

// Write takes p, and sends what fills the buffer or has waited long enough.
func (w *streamWriter) Write(p []byte) (int, error) {
	taken := 0
	for w.err == nil && taken < len(p) {
		n := copy(w.buf[len(w.buf):cap(w.buf)], p[taken:])
		w.buf = w.buf[:len(w.buf)+n]
		taken += n
		if len(w.buf) == cap(w.buf) {
			w.flush()
		}
	}
	switch now := (clock.System{}).Reading(); {
	case w.err != nil || len(w.buf) == 0:
	case w.sent.IsZero():
		w.sent = now // the pause begins with the first byte
	case now.Sub(w.sent) >= streamPause:
		w.flush()
	}
	return taken, w.err
}

// flush sends what is in the buffer, which the client must take within the stall timeout.
func (w *streamWriter) flush() {
	if w.err = w.ctx.Err(); w.err != nil {
		return
	}
	w.sent = clock.System{}.Reading()
	_ = w.conn.SetWriteDeadline(w.sent.Add(w.stall)) // writers that know none (in-process calls) need none
	if !w.opened {
		w.open()
	}
	if _, w.err = w.gin.Writer.Write(w.buf); w.err != nil {
		return
	}
	w.buf = w.buf[:0]
	if err := w.conn.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		w.err = err
	}
}

// open makes the header of the answer.
func (w *streamWriter) open() {
	w.opened = true
	h := w.gin.Writer.Header()
	w.answer.header(h)
	h["Content-Type"] = w.answer.media
	disposition := "attachment"
	if w.filename != "" {
		disposition = mime.FormatMediaType(disposition, map[string]string{"filename": w.filename})
	}
	h["Content-Disposition"] = []string{disposition}
	w.gin.Status(w.answer.status)
}
