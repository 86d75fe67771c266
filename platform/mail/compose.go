package mail

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
)

//go:embed layout
var layouts embed.FS

// language is that of the layout's own words and of the modules' texts.
const language = "en"

// Brand is how mails, and pages for people, look. Zero values mean the defaults.
type Brand struct {
	// Name is whose mails they are; empty means Authy2.
	Name string
	// LogoURL is an https address of an image, shown instead of the name at a height of
	// 32 px; empty for none.
	LogoURL string
	// Accent is the colour of buttons, #rrggbb, on which white text can be read; empty
	// means a blue.
	Accent string
}

// The brand of an installation that sets none.
const (
	DefaultBrand  = "Authy2"
	DefaultAccent = "#2456c8"
)

// Composer lays letters out. It is safe for many goroutines.
type Composer struct {
	brand Brand
	html  *htmltemplate.Template
	text  *texttemplate.Template
}

// NewComposer returns a composer of the brand's letters. Its error is a layout that
// cannot be read.
func NewComposer(b Brand) (*Composer, error) {
	b = Brand{Name: cmp.Or(plain(b.Name), DefaultBrand), LogoURL: b.LogoURL, Accent: cmp.Or(b.Accent, DefaultAccent)}
	html, err := htmltemplate.New("letter.html").Funcs(htmltemplate.FuncMap{"rows": rows}).ParseFS(layouts, "layout/letter.html")
	if err != nil {
		return nil, fmt.Errorf("mail: layout: %w", err)
	}
	text, err := texttemplate.ParseFS(layouts, "layout/letter.txt")
	if err != nil {
		return nil, fmt.Errorf("mail: layout: %w", err)
	}
	return &Composer{brand: b, html: html, text: text}, nil
}

// rows returns the lines of a paragraph.
func rows(paragraph string) []string { return strings.Split(paragraph, "\n") }

// Brand returns whose letters these are, with the defaults filled in.
func (c *Composer) Brand() Brand { return c.brand }

// page is what a layout is filled with.
type page struct {
	Brand                      Brand
	Language, Subject, Heading string
	Preheader                  string
	Lines, Notes               []string
	Action                     *Action
}

// Compose lays the letter out as text and as HTML. Its error is that the letter cannot be
// a message: see [Message.Check]; a subject with a line break is none.
func (c *Composer) Compose(l Letter) (Message, error) {
	if err := l.check(); err != nil {
		return Message{}, err
	}
	p := page{
		Brand: c.brand, Language: language, Subject: l.Subject, Heading: cmp.Or(plain(l.Heading), plain(l.Subject)),
		Lines: plains(l.Lines), Notes: plains(l.Notes), Action: l.Action,
	}
	if len(p.Lines) > 0 {
		p.Preheader = strings.ReplaceAll(p.Lines[0], "\n", " ")
	}
	var html, text bytes.Buffer
	if err := c.html.Execute(&html, p); err != nil {
		return Message{}, fmt.Errorf("mail: lay out %s: %w", l.Purpose, err)
	}
	if err := c.text.Execute(&text, p); err != nil {
		return Message{}, fmt.Errorf("mail: lay out %s: %w", l.Purpose, err)
	}
	m := Message{Purpose: l.Purpose, To: l.To, ReplyTo: l.ReplyTo, Subject: l.Subject, Text: text.String(), HTML: html.String()}
	return m, m.Check()
}
