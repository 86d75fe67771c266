package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

const registerPath, loginPath = "/api/v1/auth/register", "/api/v1/auth/login"

// listOf splits a header of names.
func listOf(header string) map[string]bool {
	names := map[string]bool{}
	for name := range strings.SplitSeq(header, ",") {
		names[strings.TrimSpace(name)] = true
	}
	return names
}

// details are the names of what a validation error complains about.
func details(t *testing.T, a *harness.Answer) map[string]bool {
	t.Helper()
	object, ok := a.Value("error", "details").(map[string]any)
	if !ok {
		t.Fatalf("details are no object: %s", a.Body)
	}
	names := map[string]bool{}
	for name, messages := range object {
		names[name] = true
		list, ok := messages.([]any)
		if !ok || len(list) == 0 {
			t.Errorf("details.%s is no list of messages: %v", name, messages)
		}
	}
	return names
}

func bodyRules() []rule {
	raw := func(body string) harness.Call { return harness.Call{Path: loginPath, Raw: []byte(body)} }
	return []rule{
		{"malformed bodies are BAD_REQUEST", func(t *testing.T, sys *harness.System) {
			for _, body := range []string{
				`{`, `{"email":}`, `{"email":"a"`, `{} {}`, `{}x`, `{"email":"a",}`, `{'email':'a'}`, `{"email":"\x"}`, `{"email":01}`, `{"email":NaN}`, "{\"email\":\"\n\"}",
				"\x00", "\xef\xbb\xbf{}",
			} {
				sys.First().Do(t, raw(body)).WantError(t, http.StatusBadRequest, "BAD_REQUEST")
			}
			sys.First().Do(t, harness.Call{Method: http.MethodPost, Path: loginPath, ContentType: "application/json"}).Want(t, http.StatusBadRequest)
		}},
		{"bodies that are no object are VALIDATION_ERROR of _schema", func(t *testing.T, sys *harness.System) {
			for _, body := range []string{`null`, `[]`, `[{}]`, `"x"`, `1`, `true`} {
				a := sys.First().Do(t, raw(body)).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
				if !details(t, a)["_schema"] {
					t.Errorf("%s: details are %v, want _schema", body, a.Value("error", "details"))
				}
			}
		}},
		{"unknown, misspelt and repeated names are VALIDATION_ERROR", func(t *testing.T, sys *harness.System) {
			for body, name := range map[string]string{
				`{"email":"a@example.com","password":"x","admin":true}`:            "admin",
				`{"email":"a@example.com","password":"x","Email":"b@example.com"}`: "Email",
				`{"email":"a@example.com","password":"x","email":"b@example.com"}`: "email",
				`{"email":"a@example.com","password":"x","$schema":"x"}`:           "$schema",
				`{"email":"a@example.com","password":"x","":1}`:                    "",
			} {
				a := sys.First().Do(t, raw(body)).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
				if name != "" && !details(t, a)[name] {
					t.Errorf("%s: details are %v, want %q", body, a.Value("error", "details"), name)
				}
			}
		}},
		{"every violation is told at once", func(t *testing.T, sys *harness.System) {
			a := sys.First().Do(t, harness.Call{Path: registerPath, Body: map[string]any{
				"email": "not an address", "password": "short", "full_name": strings.Repeat("x", 300), "extra": 1, "more": nil,
			}}).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
			for _, name := range []string{"email", "password", "password_confirm", "full_name", "extra", "more"} {
				if !details(t, a)[name] {
					t.Errorf("details lack %s: %v", name, a.Value("error", "details"))
				}
			}
		}},
		{"errors do not repeat what was sent", func(t *testing.T, sys *harness.System) {
			const secret = "hunter2-hunter2-hunter2"
			sys.Secret(secret)
			for _, body := range []any{
				map[string]any{"email": secret, "password": "x"},
				map[string]any{"email": "a@example.com", "password": []string{secret}},
				map[string]any{"email": "a@example.com", "password": secret, "remember_me": secret},
			} {
				if a := sys.First().Do(t, harness.Call{Path: loginPath, Body: body}).Want(t, http.StatusBadRequest); strings.Contains(string(a.Body), secret) {
					t.Errorf("the answer repeats the secret: %s", a.Body)
				}
			}
		}},
		{"wrong types are VALIDATION_ERROR", func(t *testing.T, sys *harness.System) {
			for name, value := range map[string]any{"email": 1, "password": true, "remember_me": "perhaps", "password ": "x"} {
				body := map[string]any{"email": "a@example.com", "password": "x"}
				body[name] = value
				sys.First().Do(t, harness.Call{Path: loginPath, Body: body}).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
			}
		}},
		{"control characters and broken text never reach SQL", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			for _, value := range []string{`"\u0000"`, `"a\u0000b"`, `"\u0001"`, `"\u001b[31m"`, `"\u007f"`, "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", `"\ud800"`, `"\udc00x"`} {
				sys.First().Do(t, harness.Call{Method: http.MethodPatch, Path: "/api/v1/users/me", Token: u.Token, Raw: []byte(`{"full_name":` + value + `}`)}).Want(t, http.StatusBadRequest)
				sys.First().Do(t, raw(`{"email":"a@example.com","password":`+value+`}`)).Want(t, http.StatusBadRequest)
			}
			for _, value := range []string{"Zoë Ünïcode", "日本語", "😀", "O'Brien; DROP TABLE identity_users; --", `back\slash "quote"`} {
				a := sys.First().Do(t, harness.Call{Method: http.MethodPatch, Path: "/api/v1/users/me", Token: u.Token, Body: map[string]any{"full_name": value}}).Want(t, http.StatusOK)
				if got := a.Text("data", "user", "full_name"); got != value {
					t.Errorf("full_name came back as %q, want %q", got, value)
				}
			}
		}},
		{"nesting is bounded", func(t *testing.T, sys *harness.System) {
			for _, body := range []string{
				strings.Repeat("[", 10000) + strings.Repeat("]", 10000),
				`{"email":` + strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10001),
				strings.Repeat("[", 500000),
			} {
				sys.First().Do(t, raw(body)).Want(t, http.StatusBadRequest)
			}
		}},
		{"another type is 415", func(t *testing.T, sys *harness.System) {
			body := []byte(`{"email":"a@example.com","password":"x"}`)
			for _, kind := range []string{"-", "text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x", "application/jsonx", "json", ";", "application/json, text/plain"} {
				sys.First().Do(t, harness.Call{Path: loginPath, Raw: body, ContentType: kind}).WantError(t, http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
			}
			for _, kind := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON"} {
				sys.First().Do(t, harness.Call{Path: loginPath, Raw: body, ContentType: kind}).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
			}
		}},
		{"over 1 MiB is 413", func(t *testing.T, sys *harness.System) {
			big, err := json.Marshal(map[string]string{"email": "a@example.com", "password": strings.Repeat("x", 1<<20)})
			if err != nil {
				t.Fatal(err)
			}
			sys.First().Do(t, harness.Call{Path: loginPath, Raw: big}).WantError(t, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE")
			// Without a length, that is chunked, it is noticed while it is read.
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sys.First().URL+loginPath, struct{ io.Reader }{bytes.NewReader(big)})
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("chunked: status %d, want 413", resp.StatusCode)
			}
			fits := fmt.Appendf(nil, `{"email":"a@example.com","password":"x"%s}`, strings.Repeat(" ", 1<<20-100))
			sys.First().Do(t, harness.Call{Path: loginPath, Raw: fits}).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		}},
		{"compressed bodies are refused, not misread", func(t *testing.T, sys *harness.System) {
			a := sys.First().Do(t, harness.Call{Path: loginPath, Raw: []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"), Header: map[string]string{"Content-Encoding": "gzip"}})
			if a.Status != http.StatusBadRequest && a.Status != http.StatusUnsupportedMediaType {
				t.Errorf("status %d", a.Status)
			}
		}},
		{"PATCH: null clears, absent leaves", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			patch := func(body string) *harness.Answer {
				return sys.First().Do(t, harness.Call{Method: http.MethodPatch, Path: "/api/v1/users/me", Token: u.Token, Raw: []byte(body)}).Want(t, http.StatusOK)
			}
			patch(`{"full_name":"Somebody","avatar_url":"https://example.com/a.png"}`)
			if a := patch(`{}`); a.Text("data", "user", "full_name") != "Somebody" {
				t.Errorf("an empty change changed: %s", a.Body)
			}
			a := patch(`{"avatar_url":null}`)
			if a.Text("data", "user", "full_name") != "Somebody" || a.Value("data", "user", "avatar_url") != nil {
				t.Errorf("null did not clear, or cleared too much: %s", a.Body)
			}
			for _, s := range sys.Servers {
				if me := s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK); me.Value("data", "user", "avatar_url") != nil || me.Text("data", "user", "full_name") != "Somebody" {
					t.Errorf("me shows an old profile: %s", me.Body)
				}
			}
		}},
	}
}
