package mail_test

import (
	"testing"

	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/secret"
)

func TestLinkTemplate(t *testing.T) {
	t.Parallel()
	for template, ok := range map[mail.LinkTemplate]bool{
		"https://app.example.com/join/{token}": true, "http://localhost:3000/#/join?token={token}": true, "https://a.example/{token}?t={token}": true,
		"": false, "https://app.example.com/join": false, "/join/{token}": false, "app.example.com/{token}": false, "javascript:alert('{token}')": false,
		"https:///{token}": false, "https://user:pass@example.com/{token}": false, "https://app.example.com/\n{token}": false,
		"https://{token}.example.com/": false, "https://app.example.com/{token} x": false, "https://app.example.com/{other}/{token}": false,
		"ftp://app.example.com/{token}": false, "https://app.example.com/?a=%zz#{token}%": false,
	} {
		if err := template.Check(); (err == nil) != ok {
			t.Errorf("%q: %v", template, err)
		}
	}
	if got := mail.PageLink("https://id.example.com/", "/verify-email").Link(secret.New("tok")); got != "https://id.example.com/verify-email?token=tok" {
		t.Errorf("a page's link is %s", got)
	}
	if err := mail.PageLink("https://id.example.com", "/x").Check(); err != nil {
		t.Error(err)
	}
}
