package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"text/template"

	"github.com/authy2/backend/platform/apperr"
)

// AssetPath is the route of what pages load.
const AssetPath = "/assets/{name}"

// asset is a file that pages load. Its name is the hash of its content, so that it may be
// kept for ever.
type asset struct {
	path, media string
	content     []byte
}

func newAsset(ending, media string, content []byte) asset {
	sum := sha256.Sum256(content)
	return asset{strings.Replace(AssetPath, "{name}", hex.EncodeToString(sum[:12])+ending, 1), media, content}
}

// assets returns the stylesheet and the icon in the colours of the brand. These are the only
// values in them, and were checked.
func assets(b Brand) (style, icon asset, err error) {
	t, err := template.New("").Funcs(template.FuncMap{"xml": template.HTMLEscapeString}).ParseFS(layouts, "layout/style.css", "layout/icon.svg")
	if err != nil {
		return style, icon, fmt.Errorf("web: layout: %w", err)
	}
	fill := func(name string) []byte {
		var out bytes.Buffer
		if e := t.ExecuteTemplate(&out, name, map[string]string{"Accent": b.Accent, "Initial": b.initial()}); e != nil {
			err = fmt.Errorf("web: layout: %w", e)
		}
		return out.Bytes()
	}
	style = newAsset(".css", "text/css; charset=utf-8", fill("style.css"))
	icon = newAsset(".svg", "image/svg+xml", fill("icon.svg"))
	return style, icon, err
}

// asset serves the file with the name.
func (p *Pages) asset(w http.ResponseWriter, r *http.Request) {
	for _, a := range []asset{p.style, p.icon} {
		if a.path != r.URL.Path {
			continue
		}
		h := w.Header()
		h.Set("Content-Type", a.media)
		h.Set("Content-Length", strconv.Itoa(len(a.content)))
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusOK)
		if r.Method != http.MethodHead {
			_, _ = w.Write(a.content)
		}
		return
	}
	p.Refuse(w, r, apperr.ErrNotFound)
}
