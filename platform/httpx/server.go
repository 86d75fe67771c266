package httpx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The bounds of a connection. Slow headers and bodies are cut; a header block of more
// than 64 KiB is answered with 431.
const (
	readHeaderTimeout = 10 * time.Second
	// readTimeout bounds header and body together. Operations that read a body have
	// their own, shorter bound for it.
	readTimeout = 60 * time.Second
	idleTimeout = 75 * time.Second
	// maxHeaderBytes leaves out the 4 KiB that net/http allows on top.
	maxHeaderBytes = 64<<10 - 4<<10
)

// Server serves one handler on one address. Listen, then Serve, so that the address is
// known before the first request; Stop ends Serve.
type Server struct {
	http     *http.Server
	addr     string
	mu       sync.Mutex
	listener net.Listener
	stopped  bool
}

// NewServer makes a server for addr (host:port; port 0 picks a free one). log receives
// what net/http has to say about connections.
func NewServer(addr string, handler http.Handler, log *slog.Logger) *Server {
	return &Server{addr: addr, http: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// OPTIONS * is answered by the handler, with its headers, and not by net/http.
		DisableGeneralOptionsHandler: true,
	}}
}

// Listen takes the address. It fails when another process has it.
func (s *Server) Listen(ctx context.Context) (net.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return nil, fmt.Errorf("httpx: listen on %s: %w", s.addr, err)
	}
	s.listener = listener
	return listener.Addr(), nil
}

// Serve answers requests until Stop, after which it returns nil. Listen comes first.
func (s *Server) Serve() error {
	s.mu.Lock()
	listener, stopped := s.listener, s.stopped
	s.mu.Unlock()
	switch {
	case stopped:
		return nil
	case listener == nil:
		return errors.New("httpx: serve before listen")
	}
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Stop takes no further requests and waits for those under way, until ctx ends: then it
// cuts them and returns ctx's error. It may be called without Serve, and twice.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.listener != nil {
		_ = s.listener.Close() // closed already when Serve ran
		s.listener = nil
	}
	return err
}
