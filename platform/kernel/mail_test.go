package kernel_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/fx"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
)

// writer is a toy whose seed sends a mail.
func writer() kernel.Module {
	m := toy("bear", &journal{})
	m.Build = func(kernel.Built) fx.Option {
		return kernel.Contribute(func(db *database.DB, outbox mail.Outbox) kernel.Contribution {
			return kernel.Contribution{Module: "bear", Commands: []kernel.Command{{Use: "bear"}}, Seeds: []kernel.Seed{{
				Name: "bear_mail", Run: func(ctx context.Context, _ func(string)) error {
					return db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
						return outbox.Send(ctx, tx, mail.Message{Purpose: "bear.hello", To: "zoe@example.com", Subject: "Hello", Text: "Hi"})
					})
				},
			}}}
		})
	}
	return m
}

// A mail that waits when the process that took it does no jobs is delivered by one that
// does, or by the command that runs the job.
func TestMailIsDelivered(t *testing.T) {
	t.Parallel()
	url, dir := "DATABASE_URL=sqlite:"+filepath.Join(t.TempDir(), "mail.db"), filepath.Join(t.TempDir(), "out")
	start := func(environ ...string) *kernel.App {
		o := options(t, []kernel.Module{writer()}, withSessions(), append([]string{url, "MAIL_DIR=" + dir, "PUBLIC_URL=https://auth.example.com"}, environ...)...)
		o.Serve = true
		app := build(t, o)
		if err := app.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return app
	}
	stop := func(app *kernel.App) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := app.Stop(ctx); err != nil {
			t.Fatal(err)
		}
	}
	delivered := func() []string {
		files, err := filepath.Glob(filepath.Join(dir, "*.eml"))
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	seed := func(app *kernel.App) {
		if err := app.Seed(t.Context(), func(string) {}); err != nil {
			t.Fatal(err)
		}
	}
	idle := start("JOBS_IN_PROCESS=false")
	seed(idle)
	if n := delivered(); len(n) != 0 {
		t.Errorf("delivered without jobs: %v", n)
	}
	if report, err := idle.Jobs().RunOnce(t.Context(), "deliver_mails"); err != nil || report["sent"] != 1 {
		t.Errorf("the job says %v, %v", report, err)
	}
	seed(idle)
	stop(idle)
	busy := start()
	defer stop(busy)
	platformtest.Eventually(t, 20*time.Second, "the mail that was left", func() bool { return len(delivered()) == 2 })
	seed(busy)
	platformtest.Eventually(t, 20*time.Second, "the third mail", func() bool { return len(delivered()) == 3 })
	raw, err := os.ReadFile(delivered()[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := platformtest.ReadMail(t, raw); got.To != "zoe@example.com" || got.Subject != "Hello" || got.From != "no-reply@localhost" {
		t.Errorf("%+v", got)
	}
}
