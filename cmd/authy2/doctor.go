package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/migrate"
)

// doctorTimeout bounds each thing that the doctor looks at.
const doctorTimeout = 5 * time.Second

// grade is what the doctor thinks of one thing.
type grade string

const (
	good grade = "ok"
	warn grade = "warning"
	bad  grade = "problem"
)

// finding is one thing the doctor looked at, and what to do about it.
type finding struct {
	Subject string `json:"subject"`
	Grade   grade  `json:"grade"`
	Says    string `json:"says"`
}

// examination collects findings.
type examination struct{ findings []finding }

func (x *examination) add(subject string, g grade, says string) {
	x.findings = append(x.findings, finding{Subject: subject, Grade: g, Says: says})
}

func doctorCommand(env *environment) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Look for the usual mistakes of an installation", Args: cobra.NoArgs,
		Long:    "Reads the configuration, reaches for the database, Redis and the mail\nserver, and says what is wrong and what to do about it. It changes nothing. Exit status 1 when something is wrong.",
		Example: "  authy2 doctor\n  authy2 doctor --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			found := env.examine(cmd.Context())
			problems := 0
			for _, f := range found {
				if f.Grade == bad {
					problems++
				}
			}
			if env.asJSON {
				if err := printJSON(env, found); err != nil {
					return err
				}
			} else {
				for _, f := range found {
					fmt.Fprintf(env.stdout, "%-8s %-14s %s\n", f.Grade, f.Subject, f.Says)
				}
			}
			if problems > 0 {
				return fmt.Errorf("%d of %d checks found a problem", problems, len(found))
			}
			return nil
		},
	}
}

// examine looks at everything in turn.
func (e *environment) examine(ctx context.Context) []finding {
	var x examination
	s, err := e.build(look)
	if err != nil {
		x.add("configuration", bad, err.Error())
		return x.findings
	}
	defer s.close()
	loaded := s.Config()
	x.add("configuration", good, fmt.Sprintf("profile %s, modules %s", loaded.Profile, strings.Join(s.Plan().Names(), ", ")))
	for _, w := range loaded.Warnings {
		x.add("configuration", warn, w)
	}
	x.settings(loaded)
	x.address(ctx, loaded)
	x.database(ctx, s)
	x.redis(ctx, s)
	x.mail(ctx, s)
	return x.findings
}

// settings looks for settings that are legal and still rarely meant.
func (x *examination) settings(l *config.Loaded) {
	p := l.Platform
	https := strings.HasPrefix(p.App.PublicURL, "https://")
	switch {
	case !https && l.Profile == config.Production:
		x.add("public url", bad, "PUBLIC_URL is plain http: cookies are not Secure; set the https address that clients use")
	case https && len(p.HTTP.TrustedProxies) == 0:
		x.add("proxies", warn, "PUBLIC_URL is https and TRUSTED_PROXIES is empty: behind a proxy every client would have the proxy's address, for limits and sessions alike")
	default:
		x.add("public url", good, p.App.PublicURL)
	}
	if !p.RateLimit.Enabled {
		x.add("limits", warn, "RATELIMIT_ENABLED is false: passwords can be guessed without pause")
	}
	if p.Redis.URL.Empty() && !p.Database.SQLite() {
		x.add("cache", warn, "PostgreSQL without REDIS_URL: every request reads the session's row, and limits count in each process alone")
	}
	if p.Metrics.Addr == "" && p.Metrics.Token.Empty() {
		x.add("metrics", warn, "neither METRICS_ADDR nor METRICS_TOKEN is set: there is no /metrics")
	}
}

// address looks whether the server could listen, or already does.
func (x *examination) address(ctx context.Context, l *config.Loaded) {
	addr := l.Platform.HTTP.Addr
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		x.add("address", warn, fmt.Sprintf("%s cannot be listened on (%v): fine if that is the running server, else set HTTP_ADDR", addr, err))
		return
	}
	_ = listener.Close()
	x.add("address", good, addr+" is free")
}

// database connects, and looks at the migrations and the clock.
func (x *examination) database(ctx context.Context, s *system) {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	var behind []string
	err := s.Migrate(ctx, func(ctx context.Context, m *migrate.Migrator) error {
		if err := s.DB().Ping(ctx); err != nil {
			return err
		}
		lines, err := m.Status(ctx)
		for _, l := range lines {
			if len(l.Pending) > 0 {
				behind = append(behind, fmt.Sprintf("%s (%d)", l.Line, len(l.Pending)))
			}
		}
		return err
	})
	switch {
	case err != nil:
		x.add("database", bad, fmt.Sprintf("%v: check DATABASE_URL and that the server runs", err))
	case len(behind) > 0 && !s.Config().Platform.Database.AutoMigrate:
		x.add("database", bad, "migrations are outstanding for "+strings.Join(behind, ", ")+": run authy2 db upgrade")
	case len(behind) > 0:
		x.add("database", good, "reachable; migrations for "+strings.Join(behind, ", ")+" are applied at the next start")
	default:
		x.add("database", good, s.DB().Dialect().String()+", up to date")
	}
}

// redis asks the server for its version, its eviction policy and its time.
func (x *examination) redis(ctx context.Context, s *system) {
	client := s.Redis()
	if client == nil {
		return
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	problems := cache.CheckRedis(ctx, client, s.Clock())
	for _, p := range problems {
		g := bad
		if errors.Is(p, cache.ErrUnavailable) {
			p = fmt.Errorf("%w: sessions are read from the database until it is back; check REDIS_URL", p)
		}
		x.add("redis", g, p.Error())
	}
	if len(problems) == 0 {
		x.add("redis", good, "reachable, and fit for sessions")
	}
}

// mail greets the mail server, and signs in where there is somebody to sign in as.
func (x *examination) mail(ctx context.Context, s *system) {
	settings, server := s.Config().Platform.Mail, s.MailServer()
	switch {
	case settings.Disabled:
		x.add("mail", warn, "MAIL_DISABLED is true: nobody can confirm an address, reset a password or be invited by mail")
		return
	case server == nil:
		x.add("mail", warn, "SMTP_HOST is not set: mails become files in "+settings.Dir+" and reach nobody")
		return
	}
	if from, err := netmail.ParseAddress(settings.From); err == nil && strings.HasSuffix(from.Address, "@localhost") {
		x.add("mail", bad, "MAIL_FROM is "+from.Address+", which mail servers refuse: set an address that SMTP_HOST may send for")
	}
	if err := server.Check(ctx); err != nil {
		x.add("mail", bad, fmt.Sprintf("%v: mails wait until it is mended; check SMTP_HOST, SMTP_PORT, SMTP_TLS and SMTP_USERNAME", err))
		return
	}
	x.add("mail", good, "the mail server is reachable, and lets this installation in")
}
