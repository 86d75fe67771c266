package mail_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
)

func list(t *testing.T, q *mail.Queue, state mail.State) []mail.Item {
	t.Helper()
	var all []mail.Item
	after := ""
	for {
		page, err := q.List(t.Context(), state, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		if len(page) < 2 {
			return all
		}
		after = page[1].ID
	}
}

// What was given up is seen, without saying whom it was for, and delivered after all when
// the operator wants that.
func TestRetry(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		over := &spy{fault: &mail.Failure{Permanent: true, Reason: "RCPT: the mail server answered 550"}}
		q := open(t, parts(t, b, over))
		for range 5 {
			send(t, b, q, letter())
		}
		if got := list(t, q, mail.Waiting); len(got) != 5 || got[0].State != mail.Waiting || got[0].Attempts != 0 || !got[0].At.Equal(got[0].Accepted) {
			t.Errorf("waiting %+v", got)
		}
		b.Clock.Advance(time.Minute)
		sweep(t, q, 0, 0, 5)
		dead := list(t, q, mail.Dead)
		if len(dead) != 5 || len(list(t, q, mail.Waiting)) != 0 {
			t.Fatalf("dead %+v", dead)
		}
		one, err := q.Item(t.Context(), strings.ToUpper(dead[0].ID))
		if err != nil || one != dead[0] || one.Reason != "RCPT: the mail server answered 550" || one.Purpose != "test.invite" ||
			one.MessageID != "<"+one.ID+"@auth.example.com>" || one.At.Sub(one.Accepted) != time.Minute {
			t.Errorf("%+v, %v", one, err)
		}
		secretsAbsent(t, "the list", fmt.Append(nil, dead))
		over.fail(nil)
		if err := q.Retry(t.Context(), dead[0].ID, dead[1].ID); err != nil {
			t.Fatal(err)
		}
		sweep(t, q, 2, 0, 0)
		for _, wrong := range []string{dead[0].ID, "0199e6ad-0000-7000-8000-000000000000", "x", ""} {
			if err := q.Retry(t.Context(), dead[2].ID, wrong); !errors.Is(err, mail.ErrNoMail) {
				t.Errorf("%q: %v", wrong, err)
			}
		}
		if n := len(list(t, q, mail.Dead)); n != 3 {
			t.Errorf("%d dead mails after retries that failed", n)
		}
		if n, err := q.RetryAll(t.Context()); n != 3 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		sweep(t, q, 3, 0, 0)
		if n, err := q.RetryAll(t.Context()); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if got := list(t, q, mail.Sent); len(got) != 5 || got[0].Attempts != 2 || got[0].Reason != "" {
			t.Errorf("sent %+v", got)
		}
		for _, wrong := range []string{"0199e6ad-0000-7000-8000-000000000000", "x"} {
			if _, err := q.Item(t.Context(), wrong); !errors.Is(err, mail.ErrNoMail) {
				t.Errorf("%q: %v", wrong, err)
			}
		}
	})
}

// A mail that is older than mails get has one attempt more.
func TestRetryOld(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	over := &spy{fault: &mail.Failure{Permanent: true, Reason: "no"}}
	q := open(t, parts(t, b, over))
	send(t, b, q, letter())
	sweep(t, q, 0, 0, 1)
	b.Clock.Advance(6 * 24 * time.Hour) // older than mails get, younger than rows
	over.fail(nil)
	if _, err := q.RetryAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	sweep(t, q, 1, 0, 0)
}
