package mail_test

import (
	"context"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
)

func composer(t testing.TB, b mail.Brand) *mail.Composer {
	t.Helper()
	c, err := mail.NewComposer(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// invitation is a letter with everything that a letter may have.
func invitation() mail.Letter {
	return mail.Letter{
		Purpose: "test.invite", To: reader, ReplyTo: "ann.writer@example.com", Subject: "Ann Writer invites you to Bäume & Söhne",
		Heading: "Join Bäume & Söhne",
		Lines: []string{
			"Ann Writer invites you to join the organization Bäume & Söhne as a member.",
			"The invitation is valid for 7 days.",
		},
		Action: &mail.Action{Label: "Accept the invitation", URL: "https://auth.example.com/invites/accept?token=" + token + "&lang=en"},
		Notes:  []string{"If you did not expect this mail, ignore it. Nothing happens without you.", "Do not forward it: the link is for you alone."},
	}
}

func compose(t testing.TB, c *mail.Composer, l mail.Letter) mail.Message {
	t.Helper()
	m, err := c.Compose(l)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCompose(t *testing.T) {
	t.Parallel()
	branded := mail.Brand{Name: "Secuird & Co", LogoURL: "https://cdn.example.com/logo.png?a=1&b=2", Accent: "#0b6b4f"}
	for name, tc := range map[string]struct {
		brand  mail.Brand
		letter mail.Letter
	}{
		"invitation": {mail.Brand{}, invitation()},
		"branded":    {branded, invitation()},
		"plain":      {mail.Brand{}, mail.Letter{Purpose: "test.notice", To: reader, Subject: "Your password was changed", Lines: []string{"It was changed on 3 May 2026 at 12:00 UTC."}}},
		"hostile": {mail.Brand{}, mail.Letter{
			Purpose: "test.contact", To: reader, Subject: `</title><script>alert(1)</script>`, Heading: `<img src=x onerror=alert(1)>`,
			Lines: []string{
				"</div><script>alert(1)</script>{{.Brand}} &amp; \"quotes\" 'too'\r\nsecond row\u2028third row\x1b[31m\x00",
				" \r\n ", "\u202ereversed\u202c and \u2066isolated\u2069", "https://evil.example/ http://evil.example/",
			},
			Action: &mail.Action{Label: `"><b>now</b>`, URL: "https://auth.example.com/a?b=%22%3E&c='d'"},
			Notes:  []string{"<style>*{display:none}</style>"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := compose(t, composer(t, tc.brand), tc.letter)
			platformtest.Golden(t, "testdata/"+name+".html", []byte(m.HTML))
			platformtest.Golden(t, "testdata/"+name+".txt", []byte(m.Text))
			wellFormed(t, m.HTML)
			var links []string
			for _, found := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(m.HTML, -1) {
				links = append(links, html.UnescapeString(found[1]))
			}
			for _, link := range links {
				if tc.letter.Action == nil || strings.ReplaceAll(link, "%27", "'") != tc.letter.Action.URL {
					t.Errorf("a link to %q", link)
				}
			}
			if (tc.letter.Action != nil) != (len(links) == 2) {
				t.Errorf("%d links", len(links))
			}
		})
	}
}

// wellFormed expects elements that are closed, and none that mails do without.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	seen := map[string]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			seen[start.Name.Local]++
		}
	}
	for _, banned := range []string{"table", "script", "form", "link", "iframe", "b"} {
		if seen[banned] > 0 {
			t.Errorf("a %s element", banned)
		}
	}
	if seen["html"] != 1 || seen["h1"] != 1 || seen["style"] != 1 || seen["title"] != 1 {
		t.Errorf("elements %v", seen)
	}
}

func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	c := composer(t, mail.Brand{})
	link := func(url string) func(l *mail.Letter) {
		return func(l *mail.Letter) { l.Action = &mail.Action{Label: "Go", URL: url} }
	}
	for name, change := range map[string]func(l *mail.Letter){
		"a header in subject":        func(l *mail.Letter) { l.Subject = "x\r\nBcc: bob@example.com" },
		"a bare line feed":           func(l *mail.Letter) { l.Subject = "x\ny" },
		"a bare carriage return":     func(l *mail.Letter) { l.Subject = "x\ry" },
		"a line separator":           func(l *mail.Letter) { l.Subject = "x\u2028y" },
		"no subject":                 func(l *mail.Letter) { l.Subject, l.Heading = "", "" },
		"two lines of heading":       func(l *mail.Letter) { l.Heading = "x\ny" },
		"two recipients":             func(l *mail.Letter) { l.To = "a@example.com, b@example.com" },
		"a header in reply-to":       func(l *mail.Letter) { l.ReplyTo = "a@example.com\r\nBcc: b@example.com" },
		"no UTF-8":                   func(l *mail.Letter) { l.Lines = []string{"\xff"} },
		"no UTF-8 in notes":          func(l *mail.Letter) { l.Notes = []string{"\xff"} },
		"a long text":                func(l *mail.Letter) { l.Lines = []string{strings.Repeat("x", 512<<10)} },
		"no label":                   func(l *mail.Letter) { l.Action = &mail.Action{URL: "https://auth.example.com"} },
		"two lines of label":         func(l *mail.Letter) { l.Action = &mail.Action{Label: "a\nb", URL: "https://auth.example.com"} },
		"a script":                   link("javascript:alert(1)"),
		"data":                       link("data:text/html,x"),
		"a path":                     link("/accept?token=x"),
		"no scheme":                  link("//auth.example.com/x"),
		"no host":                    link("https:///x"),
		"a user":                     link("https://auth.example.com@evil.example/"),
		"a space":                    link("https://auth.example.com/a b"),
		"a quote":                    link(`https://auth.example.com/a"b`),
		"letters outside of ASCII":   link("https://auth.example.com/ä"),
		"a line break in the link":   link("https://auth.example.com/\nx"),
		"a host that looks the same": link("https://аuth.example.com/"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := invitation()
			change(&l)
			m, err := c.Compose(l)
			if err == nil {
				t.Fatalf("taken: %+v", m)
			}
			if strings.Contains(err.Error(), "example.com") || strings.Contains(err.Error(), token) {
				t.Errorf("the error retells the letter: %v", err)
			}
		})
	}
}

// What is composed is what arrives.
func TestComposedArrives(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	trap := platformtest.Outbox(t, b)
	want := compose(t, composer(t, mail.Brand{}), invitation())
	err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return trap.Send(ctx, tx, want) })
	if err != nil {
		t.Fatal(err)
	}
	got := trap.Deliver(t.Context())
	if len(got) != 1 || got[0].HTML != want.HTML || got[0].Text != want.Text || got[0].Subject != want.Subject {
		t.Errorf("%+v", got)
	}
}

// FuzzCompose looks for a text that becomes markup or a link.
func FuzzCompose(f *testing.F) {
	for _, seed := range []string{"hello", "<a href=x>", "</p><script>", "{{.}}", "&lt;", "\"'`", "a\nb", "\u2028", "javascript:x", "--></style>"} {
		f.Add(seed)
	}
	c := composer(f, mail.Brand{})
	markup := regexp.MustCompile(`<[^>]*>?`)
	shape := func(text string) (string, bool) {
		m, err := c.Compose(mail.Letter{
			Purpose: "test.fuzz", To: reader, Subject: "Hello", Heading: "x", Lines: []string{"x" + text}, Notes: []string{"x" + text},
			Action: &mail.Action{Label: "x", URL: "https://auth.example.com/"},
		})
		return strings.ReplaceAll(strings.Join(markup.FindAllString(m.HTML, -1), ""), "<br>", ""), err == nil
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, taken := shape(text)
		if want, _ := shape("hello"); taken && got != want {
			t.Errorf("%q becomes markup:\n%s\n%s", text, got, want)
		}
	})
}
