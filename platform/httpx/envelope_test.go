package httpx_test

import "testing"

func TestWholeAnswers(t *testing.T) {
	t.Parallel()
	problem := "application/problem+json"
	good := `{"name":"chair","email":"a@b.org","password":"long-enough"}`
	for name, tc := range map[string]struct {
		method, target, body string
		header               []string
	}{
		"read":                  {"GET", "/api/v1/things/" + knownThing, "", nil},
		"head":                  {"HEAD", "/api/v1/things/" + knownThing, "", nil},
		"list":                  {"GET", "/api/v1/things?limit=3&kind=big", "", nil},
		"create":                {"POST", "/api/v1/things", good, nil},
		"delete":                {"DELETE", "/api/v1/things/" + knownThing, "", []string{"Authorization", "Bearer good-token"}},
		"raw_profile":           {"GET", "/api/v1/me", "", []string{"Authorization", "Bearer good-token"}},
		"sign_in":               {"POST", "/api/v1/login", "", nil},
		"sign_out":              {"POST", "/api/v1/logout", "", []string{"Cookie", "__Host-authy2_session=good-token", "Origin", publicURL}},
		"unknown_path":          {"GET", "/api/v1/nowhere", "", nil},
		"unknown_path_at_root":  {"GET", "/nowhere", "", nil},
		"method_not_allowed":    {"PUT", "/api/v1/things", good, nil},
		"trailing_slash":        {"GET", "/api/v1/things/", "", nil},
		"validation":            {"POST", "/api/v1/things?x=1", `{"Name":"chair","name":"c","email":"no","extra":1,"tags":["a",2,"c"],"inner":{"value":7}}`, nil},
		"validation_problem":    {"POST", "/api/v1/things", `{"name":"c","tags":["a",2]}`, []string{"Accept", problem}},
		"syntax":                {"POST", "/api/v1/things", `{"name":`, nil},
		"null_body":             {"POST", "/api/v1/things", `null`, nil},
		"media_type":            {"POST", "/api/v1/things", good, []string{"Content-Type", "-", "Content-Type", "text/plain"}},
		"internal":              {"GET", "/api/v1/fail/leak", "", nil},
		"panic":                 {"GET", "/api/v1/fail/panic", "", nil},
		"unavailable":           {"GET", "/api/v1/fail/unavailable", "", nil},
		"conflict":              {"GET", "/api/v1/fail/conflict", "", nil},
		"conflict_problem":      {"GET", "/api/v1/fail/conflict", "", []string{"Accept", problem}},
		"step_up":               {"GET", "/api/v1/fail/step-up", "", nil},
		"details_without_json":  {"GET", "/api/v1/fail/bad-details", "", nil},
		"auth_required":         {"GET", "/api/v1/me", "", nil},
		"auth_required_problem": {"GET", "/api/v1/me", "", []string{"Accept", "application/json;q=0.5, application/problem+json"}},
		"invalid_token":         {"GET", "/api/v1/me", "", []string{"Authorization", "Bearer nobody"}},
		"session_inactive":      {"GET", "/api/v1/me", "", []string{"Authorization", "Bearer expired-token"}},
		"invalid_format":        {"GET", "/api/v1/me", "", []string{"Authorization", "Basic Zm9vOmJhcg=="}},
		"store_down":            {"GET", "/api/v1/me", "", []string{"Authorization", "Bearer broken-store"}},
		"compliance":            {"GET", "/api/v1/me", "", []string{"Authorization", "Bearer compliance-token"}},
		"csrf":                  {"POST", "/api/v1/enroll", "", []string{"Cookie", "__Host-authy2_session=good-token"}},
		"preflight":             {"OPTIONS", "/api/v1/anything", "", []string{"Origin", listedOrigin, "Access-Control-Request-Method", "POST"}},
		"preflight_foreign":     {"OPTIONS", "/api/v1/things", "", []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "POST"}},
		"cors":                  {"GET", "/api/v1/things/" + knownThing, "", []string{"Origin", listedOrigin}},
		"not_modified":          {"GET", "/api/v1/things/" + knownThing, "", []string{"If-None-Match", `W/"v1"`}},
		"precondition":          {"PATCH", "/api/v1/things/" + knownThing, `{}`, []string{"If-Match", `"v0"`, "Authorization", "Bearer good-token"}},
		"hsts_behind_a_proxy":   {"GET", "/api/v1/nowhere", "", []string{"X-Forwarded-Proto", "https"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, newFixture(t).call(tc.method, tc.target, tc.body, tc.header...))
		})
	}
}
