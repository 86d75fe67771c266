package httpx

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deeply a body may nest.
const maxDepth = 32

// errSyntax is a body that is not the JSON of RFC 8259 in valid UTF-8.
var errSyntax = errors.New("httpx: the body is not valid JSON")

// checkBody reads a body token by token and notes every violation of the rule. It
// returns errSyntax for what is no JSON text at all, including invalid UTF-8 and lone
// surrogates, and for text that nests too deeply.
func checkBody(body []byte, r *rule, found violations) error {
	k := checker{
		dec: jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true)), // we name the repeated one
		v:   found,
	}
	if err := k.value(r); err != nil {
		return errSyntax
	}
	if _, err := k.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errSyntax
	}
	return nil
}

// checker walks one body.
type checker struct {
	dec  *jsontext.Decoder
	path []step
	v    violations
}

func (k *checker) complain(message string) { k.v.at(k.path, message) }

// value checks the next value. Its errors are those of syntax.
func (k *checker) value(r *rule) error {
	switch kind := k.dec.PeekKind(); kind {
	case '{', '[':
		return k.composite(r, kind)
	default:
		token, err := k.dec.ReadToken()
		if err != nil {
			return err
		}
		return k.scalar(r, kind, token)
	}
}

// composite checks an object or a list.
func (k *checker) composite(r *rule, kind jsontext.Kind) error {
	switch {
	case r.kind == "":
		return k.any()
	case kind == '{' && r.kind == huma.TypeObject:
		return k.object(r)
	case kind == '[' && r.kind == huma.TypeArray:
		return k.list(r)
	}
	k.complain(k.typeMessage(r))
	return k.any()
}

// scalar checks a value that was read as one token.
func (k *checker) scalar(r *rule, kind jsontext.Kind, token jsontext.Token) error {
	switch kind {
	case 'n':
		if !r.nullable && r.kind != "" {
			if len(k.path) == 0 {
				k.complain(msgInput)
			} else {
				k.complain(msgNull)
			}
		}
		return nil
	case '"':
		k.text(r, token.String())
		return nil
	case 't', 'f':
		if r.kind != huma.TypeBoolean && r.kind != "" {
			k.complain(k.typeMessage(r))
		}
		return nil
	case '0':
		k.number(r, token.String())
		return nil
	default:
		return errSyntax
	}
}

func (k *checker) text(r *rule, s string) {
	switch r.kind {
	case "":
		if hasControl(s, true) {
			k.complain(msgControl)
		}
	case huma.TypeString:
		if message := r.checkText(s); message != "" {
			k.complain(message)
		}
	default:
		k.complain(k.typeMessage(r))
	}
}

func (k *checker) number(r *rule, raw string) {
	switch r.kind {
	case "":
	case huma.TypeInteger, huma.TypeNumber:
		if message := r.checkNumber(raw); message != "" {
			k.complain(message)
		}
	default:
		k.complain(k.typeMessage(r))
	}
}

// checkNumber returns what is wrong with a number, or empty.
func (r *rule) checkNumber(raw string) string {
	var f float64
	if r.kind == huma.TypeInteger {
		n, err := strconv.ParseInt(raw, 10, 64)
		if err != nil || (r.format == "int32" && int64(int32(n)) != n) {
			return msgInteger
		}
		f = float64(n)
	} else {
		var err error
		if f, err = strconv.ParseFloat(raw, 64); err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return msgNumber
		}
	}
	if (r.minimum != nil && f < *r.minimum) || (r.maximum != nil && f > *r.maximum) {
		return rangeMessage(r.minimum, r.maximum)
	}
	if len(r.enum) > 0 && !slices.ContainsFunc(r.enum, func(v any) bool { e, ok := v.(float64); return ok && e == f }) {
		return enumMessage(r.enum)
	}
	return ""
}

// object checks the members of an object.
func (k *checker) object(r *rule) error {
	if err := k.open(); err != nil {
		return err
	}
	seen := make(map[string]bool, len(r.properties))
	for k.dec.PeekKind() != '}' {
		token, err := k.dec.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		if err := k.member(r, name, seen); err != nil {
			return err
		}
	}
	if _, err := k.dec.ReadToken(); err != nil {
		return err
	}
	for _, name := range r.mandatory {
		if !seen[name] {
			k.within(step{name: name}, func() error { k.complain(msgMissing); return nil }) //nolint:errcheck // it cannot fail
		}
	}
	return nil
}

// member checks one member, whose name was read.
func (k *checker) member(r *rule, name string, seen map[string]bool) error {
	own := r.properties[name]
	if own == nil {
		own = r.extra
	}
	repeated := seen[name]
	seen[name] = true
	return k.within(step{name: safeName(name)}, func() error {
		switch {
		case repeated:
			k.complain(msgRepeated)
			return k.any()
		case own == nil:
			k.complain(msgUnknown)
			return k.any()
		case hasControl(name, false):
			k.complain(msgControl)
			return k.any()
		}
		return k.value(own)
	})
}

// list checks the elements of a list.
func (k *checker) list(r *rule) error {
	if err := k.open(); err != nil {
		return err
	}
	n := 0
	var seen map[string]bool
	for ; k.dec.PeekKind() != ']'; n++ {
		err := k.within(step{index: n}, func() error {
			if r.items == nil {
				return k.any()
			}
			if !r.unique || k.dec.PeekKind() != '"' {
				return k.value(r.items)
			}
			token, err := k.dec.ReadToken()
			if err != nil {
				return err
			}
			s := token.String()
			if seen[s] {
				k.complain(msgDuplicate)
			}
			if seen == nil {
				seen = map[string]bool{}
			}
			seen[s] = true
			k.text(r.items, s)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if n < r.minItems || (r.maxItems >= 0 && n > r.maxItems) {
		k.complain(lengthMessage(r.minItems, r.maxItems))
	}
	_, err := k.dec.ReadToken()
	return err
}

// open reads the opening of an object or list and bounds the depth.
func (k *checker) open() error {
	if _, err := k.dec.ReadToken(); err != nil {
		return err
	}
	if k.dec.StackDepth() > maxDepth {
		return errSyntax
	}
	return nil
}

// any reads over a value of any form, so that what follows can be judged too.
func (k *checker) any() error {
	for depth := k.dec.StackDepth(); ; {
		token, err := k.dec.ReadToken()
		if err != nil {
			return err
		}
		if k.dec.StackDepth() > maxDepth {
			return errSyntax
		}
		if token.Kind() == '"' && hasControl(token.String(), true) {
			k.complain(msgControl)
		}
		if k.dec.StackDepth() == depth {
			return nil
		}
	}
}

// within runs fn one step further down.
func (k *checker) within(s step, fn func() error) error {
	k.path = append(k.path, s)
	err := fn()
	k.path = k.path[:len(k.path)-1]
	return err
}

// typeMessage says which type was expected.
func (k *checker) typeMessage(r *rule) string {
	if len(k.path) == 0 {
		return msgInput
	}
	switch r.kind {
	case huma.TypeString:
		return msgString
	case huma.TypeBoolean:
		return msgBoolean
	case huma.TypeInteger:
		return msgInteger
	case huma.TypeNumber:
		return msgNumber
	case huma.TypeArray:
		return msgList
	}
	return msgInput
}
