package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/authy2/backend/e2e/harness"
	"github.com/authy2/backend/e2e/service"
)

const (
	forgotPath  = "/api/v1/auth/forgot-password"
	resetPath   = "/api/v1/auth/reset-password"
	verifyPath  = "/api/v1/auth/verify-email"
	resendPath  = "/api/v1/auth/resend-verification"
	emailPath   = "/api/v1/users/me/email"
	contactPath = "/api/v1/contact"
)

// The subjects of the mails of accounts.
const (
	verifySubject = "Verify your email address"
	resetSubject  = "Choose a new password"
)

// recipient is who gets the enquiries of the journeys.
const recipient = "sales@recipient.example"

// sender is who the mails of the journeys are from, with a name that headers must encode.
const sender = `"Jürgen & Söhne, Konten" <accounts@sender.example>`

// enquiry is a working body of the contact form.
func enquiry(changes map[string]any) map[string]any {
	body := map[string]any{
		"enquiry_type": "sales_enquiry", "name": "Carol Enquirer", "email": "carol@enquirer.example",
		"message": "What does it cost for 40 people?\nAnd for 400?",
	}
	maps.Copy(body, changes)
	return body
}

func forgot(email string) harness.Call {
	return harness.Call{Path: forgotPath, Body: map[string]any{"email": email}}
}

func resend(email string) harness.Call {
	return harness.Call{Path: resendPath, Body: map[string]any{"email": email}}
}

func verify(token string) harness.Call {
	return harness.Call{Path: verifyPath, Body: map[string]any{"token": token}}
}

func reset(token, fresh string) harness.Call {
	return harness.Call{Path: resetPath, Body: map[string]any{"token": token, "password": fresh, "password_confirm": fresh}}
}

func changeEmail(u harness.User, email string) harness.Call {
	return harness.Call{Path: emailPath, Token: u.Token, Body: map[string]any{"email": email, "current_password": u.Password}}
}

// post reads what a mail server took.
type post struct {
	sys    *harness.System
	server *service.MailServer
}

// mailed is a deployment whose mails go to a mail server of its own, under STARTTLS where
// there is more than one process.
func mailed(t *testing.T, kind harness.Kind, env map[string]string) (*harness.System, post) {
	t.Helper()
	start := harness.PlainMailServer
	if kind == harness.Pair {
		start = harness.StartTLSMailServer
	}
	server, all := start(t)
	all["MAIL_FROM"], all["CONTACT_RECIPIENT"] = sender, recipient
	maps.Copy(all, env)
	sys := harness.Start(t, kind, harness.Options{Env: all})
	return sys, post{sys, server}
}

// all are the mails so far.
func (p post) all(t *testing.T) []harness.Mail {
	t.Helper()
	var mails []harness.Mail
	for _, raw := range p.server.Mails() {
		mails = append(mails, p.sys.Received(t, raw))
	}
	return mails
}

// await waits for the n-th mail of the subject to the address.
func (p post) await(t *testing.T, subject, to string, n int) harness.Mail {
	t.Helper()
	var found []harness.Mail
	harness.Eventually(t, 20*time.Second, fmt.Sprintf("mail %d to %s: %s", n, to, subject), func() bool {
		found = slices.DeleteFunc(p.all(t), func(m harness.Mail) bool { return m.To != to || m.Subject != subject })
		return len(found) >= n
	})
	return found[n-1]
}

// settle waits until no more than so many mails are owed to anybody.
func (p post) settle(t *testing.T, most int, within time.Duration) {
	t.Helper()
	harness.Eventually(t, within, fmt.Sprintf("no more than %d mails wait", most), func() bool {
		harness.Pause(100 * time.Millisecond)
		return owed(t, p.sys) <= most
	})
}

// owed counts the mails that wait, and what waits to become one.
func owed(t *testing.T, sys *harness.System) int {
	t.Helper()
	var n int
	_, err := fmt.Sscan(sys.One(t, `SELECT (SELECT count(*) FROM platform_mails WHERE state = 'waiting') +
		(SELECT count(*) FROM identity_mail_requests) + (SELECT count(*) FROM identity_users WHERE verification_due_at IS NOT NULL)`), &n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Every mail of the system arrives once, from the installation, to whom it is for, in a
// form that every program reads.
func TestEveryMailArrivesOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []harness.Kind{harness.Embedded, harness.Pair} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			sys, post := mailed(t, kind, map[string]string{"CONTACT_ACKNOWLEDGE": "true"})
			first, last := sys.First(), sys.Last()
			want := map[string]int{}
			arrives := func(subject, to string) harness.Mail {
				t.Helper()
				want[subject+" -> "+to]++
				return post.await(t, subject, to, want[subject+" -> "+to])
			}
			u := first.Register(t)
			arrives(verifySubject, u.Email)
			last.Do(t, resend(u.Email)).Want(t, http.StatusOK)
			first.Do(t, verify(arrives(verifySubject, u.Email).Token(t))).Want(t, http.StatusOK)

			last.Do(t, forgot(u.Email)).Want(t, http.StatusOK)
			fresh := sys.NewUser().Password
			first.Do(t, reset(arrives(resetSubject, u.Email).Token(t), fresh)).Want(t, http.StatusOK)
			arrives("Your password was reset", u.Email)
			u.Password = fresh
			u.Token = last.Login(t, u)
			fresh = sys.NewUser().Password
			first.Do(t, changePassword(u, u.Password, fresh)).Want(t, http.StatusOK)
			u.Password = fresh
			notice := arrives("Your password was changed", u.Email)
			if !strings.Contains(notice.Text, "From: 127.0.0.1") {
				t.Errorf("the notice does not say from where:\n%s", notice.Text)
			}

			old, moved := u.Email, sys.NewUser().Email
			last.Do(t, changeEmail(u, moved)).Want(t, http.StatusOK)
			arrives("A new email address for your account", old)
			first.Do(t, verify(arrives("Confirm your new email address", moved).Token(t))).Want(t, http.StatusOK)
			arrives("Your email address was changed", old)

			o := first.Found(t, u.Token)
			invited := sys.NewUser()
			a := last.Do(t, harness.Invite(u.Token, o, invited.Email, "member")).Want(t, http.StatusCreated)
			var invitation harness.Mail
			harness.Eventually(t, 20*time.Second, "the invitation", func() bool {
				for _, m := range post.all(t) {
					if m.To == invited.Email {
						invitation = m
					}
				}
				return invitation.To != ""
			})
			want[invitation.Subject+" -> "+invited.Email]++
			if strings.Contains(string(a.Body), invitation.Token(t)) {
				t.Error("the answer shows the invitation's token")
			}
			accepted := first.Do(t, harness.AcceptAs(invited, invitation.Token(t)))
			if accepted.Value("data", "user", "email_verified") != true {
				t.Errorf("an invitation proves the address that it was mailed to: %s", accepted.Body)
			}
			last.Do(t, harness.Call{Path: contactPath, Body: enquiry(map[string]any{"company": "Ünïcode GmbH", "phone": "+49 30 1234"})}).Want(t, http.StatusCreated)
			asked := arrives("Sales enquiry from Carol Enquirer", recipient)
			if asked.ReplyTo != "carol@enquirer.example" {
				t.Errorf("an answer to the enquiry goes to %q", asked.ReplyTo)
			}
			for _, part := range []string{"What does it cost for 40 people?\nAnd for 400?", "Ünïcode GmbH", "+49 30 1234"} {
				if !strings.Contains(strings.ReplaceAll(asked.Text, "\r\n", "\n"), part) {
					t.Errorf("the enquiry lacks %q:\n%s", part, asked.Text)
				}
			}
			if acknowledged := arrives("We received your enquiry", "carol@enquirer.example"); strings.Contains(acknowledged.Text+acknowledged.HTML, "Carol") {
				t.Error("the acknowledgement repeats what somebody wrote")
			}

			post.settle(t, 0, 20*time.Second)
			got := map[string]int{}
			for i, d := range post.server.Deliveries() {
				m := sys.Received(t, d.Raw)
				got[m.Subject+" -> "+m.To]++
				wellFormed(t, m, d)
				if d.TLS != (kind == harness.Pair) {
					t.Errorf("mail %d: TLS is %t", i, d.TLS)
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("arrived:\n%v\nwant:\n%v", got, want)
			}
			if out, code := sys.CLI(t, nil, "mail", "list", "--json"); code != 0 || strings.TrimSpace(out) != "[]" {
				t.Errorf("authy2 mail list: exit code %d\n%s", code, out)
			}
			noSecretAtRest(t, sys)
		})
	}
}

var messageID = regexp.MustCompile(`^<[0-9a-f-]{36}@127\.0\.0\.1>$`)

// wellFormed checks what holds for the header and the form of every mail.
func wellFormed(t *testing.T, m harness.Mail, d service.Delivery) {
	t.Helper()
	about := m.Subject + " to " + m.To
	if d.From != "accounts@sender.example" || !slices.Equal(d.To, []string{m.To}) {
		t.Errorf("%s: the envelope is from %q to %q", about, d.From, d.To)
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Address != "accounts@sender.example" || from[0].Name != "Jürgen & Söhne, Konten" {
		t.Errorf("%s: From is %q", about, m.Header.Get("From"))
	}
	if !messageID.MatchString(m.MessageID) {
		t.Errorf("%s: Message-ID is %q", about, m.MessageID)
	}
	if date, err := m.Header.Date(); err != nil || time.Since(date).Abs() > 2*time.Minute {
		t.Errorf("%s: Date is %q", about, m.Header.Get("Date"))
	}
	if m.Header.Get("Mime-Version") != "1.0" || m.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("%s: MIME-Version %q, Auto-Submitted %q", about, m.Header.Get("Mime-Version"), m.Header.Get("Auto-Submitted"))
	}
	if contact := m.To == recipient; contact != (m.ReplyTo != "") {
		t.Errorf("%s: Reply-To is %q", about, m.ReplyTo)
	}
	allowed := []string{"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Reply-To", "Subject", "To"}
	for name, values := range m.Header {
		if !slices.Contains(allowed, name) || len(values) != 1 {
			t.Errorf("%s: header %s is %q", about, name, values)
		}
	}
	for _, line := range m.HeaderLines() {
		if strings.ContainsFunc(line, func(r rune) bool { return r >= 0x80 || r < ' ' && r != '\t' }) {
			t.Errorf("%s: the header line %q is not plain ASCII", about, line)
		}
	}
	for line := range strings.SplitSeq(d.Raw, "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("%s: a line is too long or broken in the middle: %.60q", about, line)
		}
	}
	if !utf8.ValidString(m.Text) || !utf8.ValidString(m.HTML) || !strings.Contains(m.HTML, "<html") {
		t.Errorf("%s: no text in UTF-8 with HTML beside it", about)
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(m.HTML, -1) {
		if !strings.Contains(m.Text, strings.ReplaceAll(link[1], "&amp;", "&")) {
			t.Errorf("%s: the HTML leads to %q, the text does not", about, link[1])
		}
	}
	for _, banned := range []string{"<script", "<table", "<img"} {
		if strings.Contains(m.HTML, banned) {
			t.Errorf("%s: the HTML holds %s", about, banned)
		}
	}
}
