package main

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
)

// TestMail has a mail refused, looks at it and has it delivered after all, as an operator
// would.
func TestMail(t *testing.T) {
	t.Parallel()
	server := platformtest.SMTPServer(t, platformtest.Behaviour{Script: func(s platformtest.Step) error {
		if s.Command == "RCPT" {
			return platformtest.Answer(550, "no "+s.To+" here")
		}
		return nil
	}})
	p := newProgram(t, "SMTP_HOST="+server.Host, "SMTP_PORT="+strconv.Itoa(server.Port), "SMTP_TLS=none", "MAIL_FROM=no-reply@example.com", "JOBS_IN_PROCESS=false")
	const reader = "zoe.reader@example.com"
	p.withSystem(t, func(ctx context.Context, s *system) error {
		return s.DB().InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			return s.Mail().Send(ctx, tx, mail.Message{Purpose: "test.hello", To: reader, Subject: "Hello", Text: "Hi"})
		})
	})
	run := func(code int, args ...string) string {
		t.Helper()
		p.out = new(output)
		if got := p.run(t.Context(), args...); got != code {
			t.Fatalf("%v: exit status %d: %s", args, got, p.errors)
		}
		for _, text := range []string{reader, "Hi", "Hello"} {
			if strings.Contains(p.out.String()+p.errors.String(), text) {
				t.Errorf("%v shows %q: %s%s", args, text, p.out, p.errors)
			}
		}
		return p.out.String()
	}
	list := func(args ...string) (all []struct{ ID, Purpose, State, Reason string }) {
		t.Helper()
		if err := json.Unmarshal([]byte(run(0, append([]string{"mail", "list", "--json"}, args...)...)), &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	if got := list(); len(got) != 1 || got[0].State != "waiting" || got[0].Purpose != "test.hello" {
		t.Errorf("%+v", got)
	}
	run(0, "jobs", "run", "deliver_mails")
	dead := list("--state", "dead")
	if len(dead) != 1 || dead[0].Reason != "RCPT: the mail server answered 550 5.0.0" {
		t.Fatalf("%+v", dead)
	}
	if got := run(0, "mail", "show", dead[0].ID); !strings.Contains(got, "given up") || !strings.Contains(got, "550") {
		t.Errorf("%s", got)
	}
	if got := run(0, "mail", "list"); !strings.Contains(got, dead[0].ID) {
		t.Errorf("%s", got)
	}
	server.Do(nil)
	run(2, "mail", "retry")
	run(2, "mail", "retry", "--all", dead[0].ID)
	run(2, "mail", "list", "--state", "lost")
	run(1, "mail", "retry", "0199e6ad-3c5b-7d10-9a6e-5f0c2b8d4e71")
	run(1, "mail", "show", "x")
	if got := run(0, "mail", "retry", dead[0].ID); !strings.Contains(got, "1 mail(s) wait again") {
		t.Errorf("%s", got)
	}
	run(0, "jobs", "run", "deliver_mails")
	if got := server.Mails(); len(got) != 1 || got[0].To != reader {
		t.Errorf("%+v", got)
	}
	if got := run(0, "mail", "retry", "--all", "--json"); !strings.Contains(got, `"retried": 0`) {
		t.Errorf("%s", got)
	}
}

// withSystem runs fn on the program's system, with its database up to date.
func (p *program) withSystem(t *testing.T, fn func(ctx context.Context, s *system) error) {
	t.Helper()
	env := &environment{environ: p.environ, dir: p.dir, stdout: p.out, stderr: p.errors, modules: modules()}
	if err := env.with(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// TestDoctorMail looks at mail servers that are well, away, and not meant.
func TestDoctorMail(t *testing.T) {
	t.Parallel()
	up, down := platformtest.SMTPServer(t, platformtest.Behaviour{}), platformtest.SMTPServer(t, platformtest.Behaviour{})
	down.Down()
	at := func(s *platformtest.MailServer, more ...string) []string {
		return append([]string{"SMTP_HOST=" + s.Host, "SMTP_PORT=" + strconv.Itoa(s.Port), "SMTP_TLS=none"}, more...)
	}
	for name, tc := range map[string]struct {
		environ []string
		grade   grade
		says    string
	}{
		"well":            {at(up, "MAIL_FROM=a@example.com"), good, "lets this installation in"},
		"away":            {at(down, "MAIL_FROM=a@example.com"), bad, "connection refused"},
		"nobody's sender": {at(up), bad, "MAIL_FROM is no-reply@localhost"},
		"none":            {nil, warn, "SMTP_HOST is not set"},
		"disabled":        {at(up, "MAIL_DISABLED=true"), warn, "MAIL_DISABLED is true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, tc.environ...)
			p.run(t.Context(), "doctor", "--json")
			var all []finding
			if err := json.Unmarshal([]byte(p.out.String()), &all); err != nil {
				t.Fatalf("%v: %s", err, p.out)
			}
			for _, f := range all {
				if f.Subject == "mail" && f.Grade == tc.grade && strings.Contains(f.Says, tc.says) {
					return
				}
			}
			t.Errorf("%+v", all)
		})
	}
}
