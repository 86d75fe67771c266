package tenancy_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
)

func TestInviteMail(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann := h.enter(t, "ann")
		ann.Account.EmailVerified = true
		const name = `<b>Acme</b> & "Söhne" {token}`
		o := h.found(t, ann.UserID, name)
		if _, err := h.Invite(t.Context(), ann, o.ID, tenancy.NewInvite{Email: "bob@example.com", Role: tenancy.RoleAdmin}); err != nil {
			t.Fatal(err)
		}
		mails := h.trap.Deliver(t.Context())
		if len(mails) != 1 {
			t.Fatalf("%d mails", len(mails))
		}
		m := mails[0]
		if m.Purpose != "tenancy.invite" || m.To != "bob@example.com" || m.Subject != "Invitation to join "+name {
			t.Errorf("the mail is a %s to %s: %s", m.Purpose, m.To, m.Subject)
		}
		token := tokenForm.FindStringSubmatch(m.Text)
		if token == nil || !strings.Contains(m.Text, "https://id.example.com/invite?token="+token[1]+"\n") {
			t.Fatalf("no link in the text:\n%s", m.Text)
		}
		for _, want := range []string{name, "ann@example.com", "as an admin"} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("%s is missing in the text:\n%s", want, m.Text)
			}
		}
		if strings.Contains(m.HTML, "<b>") || !strings.Contains(m.HTML, "&lt;b&gt;Acme&lt;/b&gt; &amp; &#34;Söhne&#34; {token}") ||
			!strings.Contains(m.HTML, `<a class="button" href="https://id.example.com/invite?token=`+token[1]+`"`) {
			t.Errorf("the HTML is:\n%s", m.HTML)
		}
		// Whoever registered with somebody's address does not write in their name.
		ann.Account.EmailVerified = false
		if _, err := h.Invite(t.Context(), ann, o.ID, tenancy.NewInvite{Email: "bob@example.com", Role: tenancy.RoleAdmin}); err != nil {
			t.Fatal(err)
		}
		if mails := h.trap.Deliver(t.Context()); len(mails) != 1 || strings.Contains(mails[0].Text+mails[0].HTML, "ann@example.com") ||
			!strings.Contains(mails[0].Text, "You are invited to join "+name+" as an admin") {
			t.Errorf("the mail of an address that nobody proved: %+v", mails)
		}
		long := h.found(t, ann.UserID, strings.Repeat("名", 255))
		if _, err := h.Invite(t.Context(), ann, long.ID, tenancy.NewInvite{Email: "bob@example.com", Role: tenancy.RoleGuest}); err != nil {
			t.Fatal(err)
		}
		if mails := h.trap.Deliver(t.Context()); len(mails) != 1 || mails[0].Subject != "Invitation to join "+strings.Repeat("名", 99)+"…" ||
			!strings.Contains(mails[0].Text, long.Name+" as a guest") {
			t.Errorf("the mail of a long name: %+v", mails)
		}
	})
}

// The operator's template decides where the link leads.
func TestInviteLink(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	h := newHost(t, b)
	h.Service = tenancy.New(tenancy.Config{InviteURL: "https://app.example.com/join?t={token}&x=1#{token}"}, h.parts)
	ann := h.enter(t, "ann")
	o := h.found(t, ann.UserID, "Acme")
	if _, err := h.Invite(t.Context(), ann, o.ID, tenancy.NewInvite{Email: "bob@example.com", Role: tenancy.RoleAdmin}); err != nil {
		t.Fatal(err)
	}
	m := h.trap.Deliver(t.Context())[0]
	_, link, _ := strings.Cut(m.Text, "\nhttps://")
	link, _, _ = strings.Cut("https://"+link, "\n")
	u, err := url.Parse(link)
	if err != nil || u.Host != "app.example.com" || len(u.Query().Get("t")) != 43 || u.Query().Get("x") != "1" || u.Fragment != u.Query().Get("t") {
		t.Errorf("the link is %s, %v", link, err)
	}
	if !strings.Contains(m.HTML, `<a class="button" href="`+strings.ReplaceAll(link, "&", "&amp;")+`"`) {
		t.Errorf("the HTML is %s", m.HTML)
	}
	if _, err := h.PreviewInvite(t.Context(), u.Fragment); err != nil {
		t.Error(err)
	}
}

func TestInviteURLIsChecked(t *testing.T) {
	t.Parallel()
	for template, ok := range map[mail.LinkTemplate]bool{
		"": true, "https://app.example.com/join/{token}": true, "http://localhost:3000/#/join?token={token}": true,
		"https://app.example.com/join": false, "https://{token}.example.com/": false, "/join/{token}": false, "app.example.com/{token}": false, "javascript:alert('{token}')": false,
		"https:///{token}": false, "https://user:pass@example.com/{token}": false, "https://app.example.com/\n{token}": false,
	} {
		if err := (tenancy.Config{InviteURL: template}).Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", template, err)
		}
	}
}

// The token of an invitation is in the mail alone: no table holds it, nor a way to it.
func TestTokenIsInNoTable(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann, bob := h.enter(t, "ann"), h.enter(t, "bob")
		o := h.found(t, ann.UserID, "Acme")
		i, first := h.invite(t, ann, o.ID, "bob", tenancy.RoleAdmin)
		if err := h.ResendInvite(t.Context(), ann, o.ID, i.ID); err != nil {
			t.Fatal(err)
		}
		before := h.dump(t) // the mail waits
		second := h.mailed(t, "bob")
		waiting := h.dump(t)
		if _, err := h.accept(t, bob, second); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(before, i.ID) || !strings.Contains(before, "platform_mails") {
			t.Fatal("the dump does not show what is there")
		}
		for when, dump := range map[string]string{"before it was mailed": before, "while it waits": waiting, "when it is used": h.dump(t)} {
			for _, token := range []string{first, second} {
				raw, err := base64.RawURLEncoding.DecodeString(token)
				if err != nil {
					t.Fatal(err)
				}
				for _, form := range []string{token, hex.EncodeToString(raw), hex.EncodeToString([]byte(token)), string(raw)} {
					if strings.Contains(dump, form) {
						t.Errorf("a token is in a table %s", when)
					}
				}
			}
		}
	})
}

// dump writes every row of every table, with bytes as they are and in hexadecimal digits.
func (h *host) dump(t testing.TB) string {
	t.Helper()
	names := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if h.DB.Dialect() == database.PostgreSQL {
		names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	}
	var tables []string
	if err := h.DB.Read().NewRaw(names).Scan(t.Context(), &tables); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, table := range tables {
		rows, err := h.DB.Read().NewSelect().Table(table).Rows(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(columns))
			for k := range values {
				values[k] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(&out, table)
			for _, v := range values {
				value := *v.(*any)
				if bytes, ok := value.([]byte); ok {
					fmt.Fprintf(&out, "|%x|%s", bytes, bytes)
				} else {
					fmt.Fprintf(&out, "|%v", value)
				}
			}
			fmt.Fprintln(&out)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
	}
	return out.String()
}
