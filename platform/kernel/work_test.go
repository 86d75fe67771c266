package kernel_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/kernel"
)

// TestWorkWithoutServing starts a worker: it runs jobs although the configuration keeps
// servers from doing so, and listens for nobody.
func TestWorkWithoutServing(t *testing.T) {
	t.Parallel()
	ran := make(chan struct{}, 1)
	m := toy("bear", &journal{})
	m.Build = func(kernel.Built) fx.Option {
		return kernel.Contribute(func() kernel.Contribution {
			return kernel.Contribution{
				Module:   "bear",
				Commands: []kernel.Command{{Use: "bear"}},
				Jobs: []jobs.Periodic{{Name: "greet_bear", Doc: "Greets.", Every: time.Hour, Run: func(context.Context) (jobs.Report, error) {
					ran <- struct{}{}
					return nil, nil
				}}},
			}
		})
	}
	address := "127.0.0.1:1" // nobody may listen there
	o := options(t, []kernel.Module{m}, withSessions(), "JOBS_IN_PROCESS=false", "HTTP_ADDR="+address)
	o.Work = true
	app := build(t, o)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if app.Addr() != nil {
		t.Errorf("it listens on %s", app.Addr())
	}
	if res, err := (&http.Client{Transport: &http.Transport{}, Timeout: time.Second}).Get("http://" + address); err == nil {
		_ = res.Body.Close()
		t.Error("somebody answers")
	}
	select {
	case <-ran:
	case <-time.After(20 * time.Second):
		t.Error("the job does not run")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := app.Stop(ctx); err != nil {
		t.Error(err)
	}
}
