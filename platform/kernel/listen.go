package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/authy2/backend/platform/telemetry"
)

// listeners are the addresses that the system answers on.
type listeners struct {
	log     *slog.Logger
	servers []*server
}

// server is one address with what answers there.
type server struct {
	name, addr string
	http       *http.Server
	bound      net.Addr
	done       chan error
}

// newListeners prepares the API's address and, where it has one, that of the metrics.
func newListeners(a *App) *listeners {
	l := &listeners{log: a.log}
	l.add("api", a.parts.platform.HTTP.Addr, a.Handler())
	if addr := a.parts.platform.Metrics.Addr; addr != "" {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", telemetry.MetricsHandler(a.parts.metrics, a.parts.platform.Metrics.Token))
		l.add("metrics", addr, mux)
	}
	return l
}

func (l *listeners) add(name, addr string, handler http.Handler) {
	l.servers = append(l.servers, &server{name: name, addr: addr, http: &http.Server{
		Handler: handler, ErrorLog: slog.NewLogLogger(l.log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 75 * time.Second, MaxHeaderBytes: 64 << 10,
	}})
}

// start listens on every address. An address that is taken is an error.
func (l *listeners) start(ctx context.Context) error {
	for _, s := range l.servers {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
		if err != nil {
			return errors.Join(fmt.Errorf("listen on %s: %w", s.addr, err), l.stop(ctx))
		}
		s.bound, s.done = listener.Addr(), make(chan error, 1)
		go func() { s.done <- s.http.Serve(listener) }()
		l.log.InfoContext(ctx, "listening", "for", s.name, "address", s.bound.String())
	}
	return nil
}

// stop finishes the requests under way.
func (l *listeners) stop(ctx context.Context) error {
	var problems []error
	for _, s := range l.servers {
		if s.done == nil {
			continue
		}
		problems = append(problems, s.http.Shutdown(ctx))
		if err := <-s.done; !errors.Is(err, http.ErrServerClosed) {
			problems = append(problems, err)
		}
		s.done = nil
	}
	return errors.Join(problems...)
}

// Addr returns the address that the API is listening on, or nil when it is not.
func (a *App) Addr() net.Addr {
	if a.serving == nil {
		return nil
	}
	return a.serving.servers[0].bound
}
