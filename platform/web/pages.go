package web

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

//go:embed layout
var layouts embed.FS

// language is that of the layout's own words and of the modules' texts.
const language = "en"

// Pages lays pages out in the brand of the installation. It is safe for many goroutines.
type Pages struct {
	brand  Brand
	host   string
	edge   Edge
	layout *template.Template
	policy string
	style  asset
	icon   asset
	refuse *refusals
}

// New returns the pages of an installation. publicURL is the address that people know it
// by. It does no I/O; its error is a brand that cannot be shown.
func New(b Brand, publicURL string, edge Edge) (*Pages, error) {
	b, imageOrigin, err := b.complete()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(publicURL)
	if err != nil {
		return nil, fmt.Errorf("web: public URL: %w", err)
	}
	p := &Pages{brand: b, host: u.Host, edge: edge, policy: policy(imageOrigin), refuse: newRefusals()}
	if p.layout, err = template.ParseFS(layouts, "layout/page.html"); err != nil {
		return nil, fmt.Errorf("web: layout: %w", err)
	}
	p.style, p.icon, err = assets(b)
	return p, err
}

// policy lets a page load its stylesheet and icon, show the logo, and post to this origin
// (CSP Level 3).
func policy(imageOrigin string) string {
	images := "img-src 'self'"
	if imageOrigin != "" {
		images += " " + imageOrigin
	}
	return "default-src 'none'; style-src 'self'; " + images + "; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}

// sheet is what the layout is filled with.
type sheet struct {
	View

	Brand                             Brand
	Language, Host, Path, Style, Icon string
	Inputs                            []input
	Problems                          []problem
	Done, Stop                        bool
}

// input is a field as it is drawn.
type input struct {
	Field

	ID, DescribedBy string
	Wrong           []string
	Focus           bool
}

// problem is a line of the summary of what is wrong; ID is that of the field, empty for none.
type problem struct{ ID, Text string }

// Render answers with a page.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, v View) {
	s := p.lay(v, r.URL.Path)
	var b bytes.Buffer
	if err := p.layout.Execute(&b, s); err != nil {
		// The layout is tested with every part of a view: only a program that was changed
		// comes here, and its page would be of no use either.
		_, status := p.edge.Refused(w, r, fmt.Errorf("web: layout: %w", err))
		w.WriteHeader(status)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex")
	w.WriteHeader(cmp.Or(v.Status, http.StatusOK))
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // a client that has left is nobody's business
	}
}

// lay joins a view with everything that is not said by it.
func (p *Pages) lay(v View, path string) sheet {
	v.Title = clean(v.Title)
	v.Lines, v.Notes = cleaned(v.Lines), cleaned(v.Notes)
	v.Facts = slices.Clone(v.Facts)
	for i := range v.Facts {
		v.Facts[i].Value = clean(v.Facts[i].Value)
	}
	s := sheet{
		View: v, Brand: p.brand, Language: language, Host: p.host, Path: path, Style: p.style.path, Icon: p.icon.path,
		Done: v.Tone == Done, Stop: v.Tone == Stop,
	}
	if v.Form == nil {
		return s
	}
	told := map[string]bool{}
	for _, f := range v.Form.Fields {
		in := drawn(f, cleaned(v.Wrong[f.Name]))
		in.Focus = !f.Silent && len(in.Wrong) > 0 && len(s.Problems) == 0
		told[f.Name] = !f.Silent
		for _, text := range in.Wrong {
			if !f.Silent {
				s.Problems = append(s.Problems, problem{in.ID, in.Label + ": " + text})
			}
		}
		s.Inputs = append(s.Inputs, in)
	}
	for _, name := range slices.Sorted(maps.Keys(v.Wrong)) {
		if !told[name] {
			for _, text := range cleaned(v.Wrong[name]) {
				s.Problems = append(s.Problems, problem{"", text})
			}
		}
	}
	return s
}

// drawn returns a field with what belongs to it.
func drawn(f Field, wrong []string) input {
	in := input{Field: f, ID: "field-" + f.Name, Wrong: wrong}
	in.Value = clean(f.Value)
	if f.Type == "password" {
		in.Value = ""
	}
	if f.Hint != "" {
		in.DescribedBy = in.ID + "-hint"
	}
	if len(wrong) > 0 {
		if in.DescribedBy != "" {
			in.DescribedBy += " "
		}
		in.DescribedBy += in.ID + "-wrong"
	}
	return in
}

func cleaned(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = clean(l)
	}
	return out
}
