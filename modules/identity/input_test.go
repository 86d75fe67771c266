package identity_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/identity/breached"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/secret"
)

func TestParseEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Ann@Example.com":                        "ann@example.com",
		"j\u00fcrgen@example.com":                "j\u00fcrgen@example.com",
		"ju\u0308rgen@example.com":               "j\u00fcrgen@example.com",
		"\u00c4@b\u00fccher.example":             "\u00e4@b\u00fccher.example",
		"a@localhost":                            "a@localhost",
		"first.last+tag@sub.example.co":          "first.last+tag@sub.example.co",
		" a@example.com":                         "",
		"a@example.com ":                         "",
		"a@x":                                    "",
		"a":                                      "",
		"":                                       "",
		"@example.com":                           "",
		"a@":                                     "",
		"a@b@example.com":                        "",
		"a@example..com":                         "",
		"a\x00@example.com":                      "",
		"a\u202e@example.com":                    "",
		"a@exa mple.com":                         "",
		strings.Repeat("a", 250) + "@x.com":      "",
		"a@" + strings.Repeat("a.", 200) + "com": "",
	} {
		got, ok := identity.ParseEmail(in)
		if got != want || ok != (want != "") {
			t.Errorf("ParseEmail(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

func FuzzParseEmail(f *testing.F) {
	for _, seed := range []string{"ann@example.com", "JU\u0308@B\u00dcCHER.example", "\u0130@x.de", "a@localhost", "\xff@x.y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		email, ok := identity.ParseEmail(in)
		if !ok {
			return
		}
		again, ok := identity.ParseEmail(email)
		if !ok || again != email {
			t.Fatalf("%q becomes %q, which becomes %q, %v", in, email, again, ok)
		}
		if !utf8.ValidString(email) || utf8.RuneCountInString(email) > 255 || strings.ContainsAny(email, " \x00\r\n") {
			t.Fatalf("%q becomes %q", in, email)
		}
	})
}

func rules(t *testing.T, change func(*identity.Config)) *identity.Rules {
	t.Helper()
	c := identity.DefaultConfig()
	change(&c)
	r, err := identity.NewRules(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop(t.Context()) })
	return r
}

func TestRules(t *testing.T) {
	t.Parallel()
	list, filter := "hunter2-hunter2\r\nGr\u00fc\u00dfe aus Wien\n", filepath.Join(t.TempDir(), "more.filter")
	var built strings.Builder
	if _, err := breached.Build(strings.NewReader(list), &built, crypto.Normalize, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filter, []byte(built.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	usual := rules(t, func(*identity.Config) {})
	strict := rules(t, func(c *identity.Config) { c.PasswordMinLength = 12; c.BreachedPasswordsFile = filter })
	for name, tc := range map[string]struct {
		rules    *identity.Rules
		password string
		ok       bool
	}{
		"8 characters":               {usual, "zx8-quft", true},
		"7 characters":               {usual, "zx8-quf", false},
		"7 after normalization":      {usual, "zx8-qua\u0308", false},
		"8 after normalization":      {usual, "\ufb03-quft", true},
		"128 characters":             {usual, strings.Repeat("\u00e4", 128), true},
		"129 characters":             {usual, strings.Repeat("\u00e4", 129), false},
		"digits only":                {usual, "8401973652", true},
		"common":                     {usual, "password1", false},
		"common in capitals":         {usual, "PASSWORD1", false},
		"common in full width":       {usual, "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44\uff11", false},
		"the email":                  {usual, "Somebody.Else@Example.com", false},
		"the local part":             {usual, "somebody.ELSE", false},
		"on the other list":          {usual, "hunter2-hunter2", true},
		"on the operator's list":     {strict, "hunter2-hunter2", false},
		"the same in capitals":       {strict, "HUNTER2-hunter2", false},
		"umlauts on the list":        {strict, "Gru\u0308\u00dfe aus Wien", false},
		"11 characters where 12 are": {strict, "zx8-quft-ww", false},
		"12 characters":              {strict, "zx8-quft-wwy", true},
	} {
		wrong, err := tc.rules.Check(secret.New(tc.password), "somebody.else@example.com")
		if err != nil || (len(wrong) == 0) != tc.ok {
			t.Errorf("%s: %v, %v", name, wrong, err)
		}
		for _, message := range wrong {
			if strings.Contains(message, tc.password) {
				t.Errorf("%s: the complaint repeats the password", name)
			}
		}
	}
}

func TestSamplesFollowTheRules(t *testing.T) {
	t.Parallel()
	r := rules(t, func(*identity.Config) {})
	samples := identity.Samples()
	if len(samples) != 12 {
		t.Errorf("%d sample users", len(samples))
	}
	for email, password := range samples {
		if parsed, ok := identity.ParseEmail(email); !ok || parsed != email {
			t.Errorf("%s is no email in normal form", email)
		}
		if wrong, err := r.Check(secret.New(password), email); err != nil || wrong != nil {
			t.Errorf("%s: %v, %v", email, wrong, err)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for length, ok := range map[int]bool{7: false, 8: true, 64: true, 65: false, 0: false} {
		c := identity.DefaultConfig()
		c.PasswordMinLength = length
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("password_min_length %d: %v", length, err)
		}
	}
	c := identity.DefaultConfig()
	c.BreachedPasswordsFile = filepath.Join(t.TempDir(), "missing")
	r, err := identity.NewRules(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "BREACHED_PASSWORDS_FILE") {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(c.BreachedPasswordsFile, []byte("password1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "build-filter") {
		t.Errorf("a list that is no filter: %v", err)
	}
}
