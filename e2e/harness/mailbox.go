package harness

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Mail is a mail that the system sent.
type Mail struct {
	From, To, Subject, MessageID string
	// Purpose is what kind of mail it is, from the name of its file.
	Purpose string
	// ReplyTo is empty when the mail says nothing of it.
	ReplyTo string
	// Text is the plain text, HTML the other form of it.
	Text, HTML string
	// Header is what the mail's header says, and Raw all of it; a mail from a file has none.
	Header mail.Header
	Raw    []byte
	// Sent is the time of the file.
	Sent time.Time
}

// oneTime is a token in a mail: 32 bytes in base64url.
var oneTime = regexp.MustCompile(`(?:^|[^A-Za-z0-9_-])([A-Za-z0-9_-]{43})(?:[^A-Za-z0-9_-]|$)`)

// Token is the one-time token in the mail.
func (m Mail) Token(t testing.TB) string {
	t.Helper()
	found := oneTime.FindStringSubmatch(m.Text)
	if found == nil {
		t.Fatalf("no token in the mail %q:\n%s", m.Subject, m.Text)
	}
	return found[1]
}

// InviteMail is the purpose of the mails that bring invitations.
const InviteMail = "tenancy.invite"

// Mails are the mails of a purpose to an address so far, oldest first. Tokens in them are
// secrets of the journey.
func (sys *System) Mails(t testing.TB, purpose, to string) []Mail {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(sys.MailDir, "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	var mails []Mail
	for _, file := range files {
		m, err := readMail(file)
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		if m.Purpose == purpose && strings.EqualFold(m.To, to) {
			for _, found := range oneTime.FindAllStringSubmatch(m.Text, -1) {
				sys.secrets.add(found[1])
			}
			mails = append(mails, m)
		}
	}
	slices.SortStableFunc(mails, func(a, b Mail) int { return a.Sent.Compare(b.Sent) })
	return mails
}

// AwaitMail waits for the n-th mail of a purpose to an address.
func (sys *System) AwaitMail(t testing.TB, purpose, to string, n int) Mail {
	t.Helper()
	var mails []Mail
	Eventually(t, 15*time.Second, fmt.Sprintf("mail %d of %s to %s", n, purpose, to), func() bool {
		mails = sys.Mails(t, purpose, to)
		return len(mails) >= n
	})
	return mails[n-1]
}

func readMail(file string) (Mail, error) {
	f, err := os.Open(file)
	if err != nil {
		return Mail{}, fmt.Errorf("harness: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Mail{}, fmt.Errorf("harness: %w", err)
	}
	m, err := parseMail(f)
	if err != nil {
		return Mail{}, err
	}
	m.Sent = info.ModTime()
	if parts := strings.Split(filepath.Base(file), "-"); len(parts) > 2 { // <time>-<purpose>-<id>.eml
		m.Purpose = parts[1]
	}
	return m, nil
}

func parseMail(r io.Reader) (Mail, error) {
	raw, err := mail.ReadMessage(r)
	if err != nil {
		return Mail{}, fmt.Errorf("harness: no mail (RFC 5322): %w", err)
	}
	m := Mail{MessageID: raw.Header.Get("Message-Id"), Header: raw.Header}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(raw.Header.Get("Subject")); err != nil {
		return Mail{}, fmt.Errorf("harness: subject: %w", err)
	}
	for name, into := range map[string]*string{"From": &m.From, "To": &m.To} {
		list, err := raw.Header.AddressList(name)
		if err != nil || len(list) != 1 {
			return Mail{}, fmt.Errorf("harness: %s is %q: %w", name, raw.Header.Get(name), err)
		}
		*into = list[0].Address
	}
	if raw.Header.Get("Reply-To") != "" {
		to, err := mail.ParseAddress(raw.Header.Get("Reply-To"))
		if err != nil {
			return Mail{}, fmt.Errorf("harness: Reply-To is %q: %w", raw.Header.Get("Reply-To"), err)
		}
		m.ReplyTo = to.Address
	}
	err = m.alternatives(raw)
	return m, err
}

// alternatives reads the text, which comes first (RFC 2046 §5.1.4), and the HTML.
func (m *Mail) alternatives(raw *mail.Message) error {
	media, params, err := mime.ParseMediaType(raw.Header.Get("Content-Type"))
	if err != nil || media != "multipart/alternative" {
		return fmt.Errorf("harness: Content-Type is %q: %w", raw.Header.Get("Content-Type"), err)
	}
	parts := multipart.NewReader(raw.Body, params["boundary"])
	for _, want := range []struct {
		media string
		into  *string
	}{{"text/plain", &m.Text}, {"text/html", &m.HTML}} {
		part, err := parts.NextRawPart()
		if err != nil {
			return fmt.Errorf("harness: no %s in the mail: %w", want.media, err)
		}
		got, params, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil || got != want.media || !strings.EqualFold(params["charset"], "utf-8") {
			return fmt.Errorf("harness: a part is %q, want %s in UTF-8: %w", part.Header.Get("Content-Type"), want.media, err)
		}
		if *want.into, err = decoded(part.Header.Get("Content-Transfer-Encoding"), part); err != nil {
			return err
		}
	}
	if _, err := parts.NextRawPart(); !errors.Is(err, io.EOF) {
		return errors.New("harness: a third part in the mail")
	}
	return nil
}

func decoded(encoding string, body io.Reader) (string, error) {
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return "", fmt.Errorf("harness: read the mail: %w", err)
	}
	return string(text), nil
}
