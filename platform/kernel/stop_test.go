package kernel_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/migrate"
)

// stuck is a toy with a request that does not end before release is closed.
func stuck(j *journal, arrived chan<- struct{}, release <-chan struct{}) kernel.Module {
	m := toy("bear", j)
	m.Build = func(kernel.Built) fx.Option {
		return kernel.Contribute(func(lc fx.Lifecycle) kernel.Contribution {
			lc.Append(fx.StopHook(func(context.Context) { j.add("write back") }))
			return kernel.Contribution{Module: "bear", Raw: []httpx.Raw{{
				Method: http.MethodGet, Path: "/stuck", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					arrived <- struct{}{}
					<-release
					j.add("answer")
					w.WriteHeader(http.StatusNoContent)
				}),
			}}}
		})
	}
	return m
}

func TestStopFinishesRequestsFirst(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		releases bool
		status   int
		journal  []string
	}{
		"one that ends":       {true, http.StatusNoContent, []string{"answer", "write back"}},
		"one that never ends": {false, 0, []string{"write back"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, arrived, release := &journal{}, make(chan struct{}, 1), make(chan struct{})
			o := options(t, []kernel.Module{stuck(j, arrived, release)}, withSessions())
			o.Serve = true
			app := build(t, o)
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			answered := make(chan int, 1)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+app.Addr().String()+"/stuck", nil)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Transport: &http.Transport{}}
			go func() {
				status := 0
				if response, err := client.Do(request); err == nil {
					status = response.StatusCode
					_ = response.Body.Close()
				}
				answered <- status
			}()
			<-arrived
			if tc.releases {
				time.AfterFunc(50*time.Millisecond, func() { close(release) })
			} else {
				defer close(release)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			if err := app.Stop(ctx); (err == nil) != tc.releases {
				t.Errorf("Stop = %v", err)
			}
			if got := <-answered; got != tc.status {
				t.Errorf("the request under way is answered %d, want %d", got, tc.status)
			}
			if got := j.all(); !slices.Equal(got, tc.journal) {
				t.Errorf("journal = %v, want %v", got, tc.journal)
			}
		})
	}
}

func TestMigrateConnectsToTheDatabaseAlone(t *testing.T) {
	t.Parallel()
	app := build(t, options(t, []kernel.Module{toy("bear", &journal{})}, withSessions(), "DATABASE_AUTO_MIGRATE=false"))
	var pending []string
	err := app.Migrate(t.Context(), func(ctx context.Context, m *migrate.Migrator) error {
		if err := m.Up(ctx, nil); err != nil {
			return err
		}
		lines, err := m.Status(ctx)
		for _, l := range lines {
			pending = append(pending, l.Pending...)
		}
		return err
	})
	if err != nil || len(pending) != 0 {
		t.Fatalf("Migrate = %v, pending %v", err, pending)
	}
	if err := app.DB().Ping(t.Context()); err == nil {
		t.Error("the database is still connected")
	}
}

func TestSettingsAndFeaturesReachTheModule(t *testing.T) {
	t.Parallel()
	app := build(t, options(t, []kernel.Module{toy("bear", &journal{})}, withSessions(), "BEAR_GREETING=hi", "MODULES_BEAR_LOUD_ENABLED=true"))
	if _, body := ask(t, app, "/api/v1/bear"); textOf(t, body) != "hi!" {
		t.Errorf("the module answers %s", body)
	}
}
