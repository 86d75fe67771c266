package kernel

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/telemetry"
)

// listeners are the addresses that the system answers on.
type listeners struct {
	log     *slog.Logger
	servers []*listener
}

// listener is one address with what answers there.
type listener struct {
	name   string
	server *httpx.Server
	bound  net.Addr
	done   chan error
}

// newListeners prepares the API's address, where it is served, and that of the metrics,
// where they have one.
func newListeners(a *App) *listeners {
	l := &listeners{log: a.log}
	if a.options.Serve {
		l.add("api", a.parts.platform.HTTP.Addr, a.Handler())
	}
	if addr := a.parts.platform.Metrics.Addr; addr != "" {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", telemetry.MetricsHandler(a.parts.metrics, a.parts.platform.Metrics.Token))
		l.add("metrics", addr, mux)
	}
	return l
}

func (l *listeners) add(name, addr string, handler http.Handler) {
	l.servers = append(l.servers, &listener{name: name, server: httpx.NewServer(addr, handler, l.log)})
}

// start listens on every address. An address that is taken is an error.
func (l *listeners) start(ctx context.Context) error {
	for _, s := range l.servers {
		bound, err := s.server.Listen(ctx)
		if err != nil {
			return errors.Join(err, l.stop(ctx))
		}
		s.bound, s.done = bound, make(chan error, 1)
		go func() {
			err := s.server.Serve()
			if err != nil {
				l.log.ErrorContext(ctx, "serving ended", "for", s.name, "err", err)
			}
			s.done <- err
		}()
		l.log.InfoContext(ctx, "listening", "for", s.name, "address", bound.String())
	}
	return nil
}

// stop finishes the requests under way, and cuts those that take longer than ctx allows.
func (l *listeners) stop(ctx context.Context) error {
	var problems []error
	for _, s := range l.servers {
		if s.done == nil {
			continue
		}
		problems = append(problems, s.server.Stop(ctx), <-s.done)
		s.done = nil
	}
	return errors.Join(problems...)
}

// Addr returns the address that the API is listening on, or nil when it is not.
func (a *App) Addr() net.Addr {
	if a.serving == nil || !a.options.Serve {
		return nil
	}
	return a.serving.servers[0].bound
}
