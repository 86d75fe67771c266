package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/secret"
)

func TestStringIsNeverPrinted(t *testing.T) {
	t.Parallel()
	const hidden = "correct horse"
	s := secret.New(hidden)
	inside := struct {
		S secret.String
		P *secret.String
	}{s, &s}
	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed[verb] = fmt.Sprintf(verb, s)
		printed[verb+" inside"] = fmt.Sprintf(verb, inside)
	}
	raw, err := json.Marshal(inside)
	if err != nil {
		t.Fatal(err)
	}
	printed["json"] = string(raw)
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "s", s, "inside", inside)
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "s", s, "inside", inside)
	printed["slog"] = out.String()
	for how, text := range printed {
		if strings.Contains(text, hidden) || strings.Contains(text, fmt.Sprintf("%x", hidden)) {
			t.Errorf("%s shows the secret: %s", how, text)
		}
	}
	if s.Reveal() != hidden || s.Empty() || !(secret.String{}).Empty() {
		t.Error("the secret itself is lost")
	}
}

func TestUnmarshalText(t *testing.T) {
	t.Parallel()
	var s secret.String
	if err := s.UnmarshalText([]byte("k")); err != nil || s.Reveal() != "k" {
		t.Errorf("read = %q, %v", s.Reveal(), err)
	}
}
