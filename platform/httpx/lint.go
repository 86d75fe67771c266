package httpx

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// Lint says what the document lacks, all of it at once: operations without words or
// examples, and examples that the document itself would refuse. A module's tests call it.
func (a *API) Lint() error {
	var problems []error
	seen := map[string]bool{}
	for _, r := range a.routes {
		for _, p := range a.lint(r) {
			problems = append(problems, fmt.Errorf("%s %s: %s", r.Method, r.Path, p))
		}
		if seen[r.ID] {
			problems = append(problems, fmt.Errorf("%s %s: the id %q is used twice", r.Method, r.Path, r.ID))
		}
		seen[r.ID] = true
	}
	return errors.Join(problems...)
}

func (a *API) lint(r *route) []string {
	var problems []string
	want := func(ok bool, problem string) {
		if !ok {
			problems = append(problems, problem)
		}
	}
	want(r.ID != "" && strings.ToLower(r.ID) == r.ID && !strings.ContainsAny(r.ID, " _"), "the id must be lower-case with dashes")
	want(r.Summary != "", "there is no summary")
	want(r.Tag != "", "there is no tag")
	for _, p := range r.huma.Parameters {
		want(p.Description != "", "parameter "+p.Name+" is not described")
	}
	if r.hasBody {
		want(r.BodyExample != nil, "there is no example of the body")
		if r.BodyExample != nil {
			problems = append(problems, a.judge("the example of the body", r.BodyExample, r.body)...)
		}
	}
	for _, s := range r.Streams {
		want(r.StreamExamples[s] != "", "there is no example of "+s)
	}
	want(r.ResultExample != nil, "there is no example of the result")
	if r.ResultExample != nil {
		data := r.huma.Responses[strconv.Itoa(r.Status)].Content[mediaJSON].Schema.Properties["data"]
		problems = append(problems, a.judge("the example of the result", r.ResultExample, compileRule(a.registry(), data))...)
	}
	return problems
}

// judge checks an example by its rule.
func (a *API) judge(what string, example any, own *rule) []string {
	b, err := json.Marshal(example, a.encoder.options)
	if err != nil {
		return []string{what + ": " + err.Error()}
	}
	found := violations{}
	if err := checkBody(b, own, found); err != nil {
		return []string{what + ": " + err.Error()}
	}
	var problems []string
	for _, v := range flatten("", found) {
		problems = append(problems, what+": "+v.Field+": "+v.Detail)
	}
	slices.Sort(problems)
	return problems
}
