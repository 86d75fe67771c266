package contract_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/contract"
)

const document = `{
  "openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "security": [{"bearer": []}],
  "paths": {
    "/things/{id}": {"get": {"operationId": "get-thing", "security": [],
      "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}, "example": "x"}],
      "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}, "example": {"name": "a", "size": "big"}}}},
                    "404": {"$ref": "#/components/responses/NotFound"}, "204": {"description": "nothing"}}}},
    "/things/mine": {"post": {"operationId": "make-thing",
      "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}, "example": {"name": "a", "size": 1}}}},
      "responses": {"201": {"description": "made", "content": {"application/json": {"schema": {"type": "object"}}}}}},
      "get": {"operationId": "get-mine", "responses": {"200": {"description": "ok"}}}},
    "/things.csv": {"get": {"operationId": "export-things", "security": [{}, {"bearer": []}], "x-permission": "things:read",
      "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "object"}},
        "text/csv": {"schema": {"type": "string", "minLength": 2}, "example": "id"}, "application/x-ndjson": {"schema": {"type": "string"}}}}}}}
  },
  "components": {
    "schemas": {"Thing": {"type": "object", "additionalProperties": false, "required": ["name"],
      "properties": {"name": {"type": "string", "minLength": 1}, "size": {"type": ["integer", "null"]}, "mail": {"type": "string", "format": "email"}}}},
    "responses": {"NotFound": {"description": "no", "content": {"application/json": {"schema": {"type": "object", "required": ["error"]}}}}}
  }
}`

func parse(t *testing.T) *contract.Document {
	t.Helper()
	d, err := contract.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCheck(t *testing.T) {
	t.Parallel()
	get := parse(t).Find("GET", "/things/7?x=1")
	if get == nil || get.ID != "get-thing" || !get.Public {
		t.Fatalf("found %+v", get)
	}
	for name, c := range map[string]struct {
		status      int
		media, body string
		wrong       string
	}{
		"right":              {200, "application/json; charset=utf-8", `{"name":"a","size":null}`, ""},
		"right by reference": {404, "application/json", `{"error":{}}`, ""},
		"nothing":            {204, "", "", ""},
		"missing member":     {200, "application/json", `{"size":1}`, "name"},
		"more members":       {200, "application/json", `{"name":"a","secret":1}`, "secret"},
		"wrong type":         {200, "application/json", `{"name":"a","size":"b"}`, "size"},
		"wrong format":       {200, "application/json", `{"name":"a","mail":"b"}`, "mail"},
		"wrong by reference": {404, "application/json", `{}`, "error"},
		"other status":       {500, "application/json", `{}`, "not documented"},
		"other media type":   {200, "text/plain", `{}`, "not documented"},
		"no JSON":            {200, "application/json", `{`, "get-thing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := get.Check(c.status, c.media, []byte(c.body))
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("got %v, want %q in it", err, c.wrong)
			}
		})
	}
}

// TestStreams: bodies that are not JSON are texts, and are shown by example.
func TestStreams(t *testing.T) {
	t.Parallel()
	o := parse(t).Find("GET", "/things.csv")
	if !o.Public || !o.Knows || o.Permission != "things:read" || len(o.Streams) != 2 || o.Streams[1] != "text/csv" {
		t.Fatalf("found %+v", o)
	}
	for name, c := range map[string]struct {
		media, body, wrong string
	}{
		"right":                 {"text/csv; charset=utf-8", "id\r\n1\r\n", ""},
		"lines of JSON":         {"application/x-ndjson", "{}\n{}\n", ""},
		"against the schema":    {"text/csv", "x", "minLength"},
		"not documented":        {"text/plain", "id", "not documented"},
		"JSON that is not JSON": {"application/json", "id\r\n", "export-things"},
	} {
		err := o.Check(200, c.media, []byte(c.body))
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.wrong)
		}
	}
	if err := o.CheckExamples(); err == nil || !strings.Contains(err.Error(), "application/x-ndjson of 200 has no example") {
		t.Errorf("a form without an example: %v", err)
	}
	if other := parse(t).Find("GET", "/things/7"); other.Knows || other.Streams != nil || other.Permission != "" {
		t.Errorf("found %+v", other)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	d := parse(t)
	for request, want := range map[string]string{
		"GET /things/7": "get-thing", "HEAD /things/7": "get-thing", "GET /things/mine": "get-mine", "POST /things/mine": "make-thing",
		"GET /things/": "", "GET /things/7/8": "", "PUT /things/7": "", "GET /Things/7": "",
	} {
		method, path, _ := strings.Cut(request, " ")
		got := ""
		if o := d.Find(method, path); o != nil {
			got = o.ID
		}
		if got != want {
			t.Errorf("%s is served by %q, want %q", request, got, want)
		}
	}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	d := parse(t)
	if err := d.Find("POST", "/things/mine").CheckExamples(); err != nil {
		t.Errorf("a right example: %v", err)
	}
	if err := d.Find("GET", "/things/7").CheckExamples(); err == nil {
		t.Error("a wrong example passed")
	}
}

func TestValidFollowsTheSchema(t *testing.T) {
	t.Parallel()
	d := parse(t)
	body := d.Find("POST", "/things/mine").Body
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		value, ok := d.Valid(r, body, 0).(map[string]any)
		if !ok || value["name"] == "" || !strings.Contains(value["mail"].(string), "@") {
			t.Fatalf("made up %v", value)
		}
	}
	if _, err := contract.Parse([]byte(`{"openapi":"3.0.3"}`)); err == nil {
		t.Error("another version of OpenAPI passed")
	}
}
