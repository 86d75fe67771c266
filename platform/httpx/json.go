package httpx

import (
	"io"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// writeOptions are how answers are encoded: map members in order, so that equal
// answers are equal bytes; false and 0 are left out by omitempty as everywhere in Go;
// every time is UTC with a Z.
func writeOptions() json.Options {
	return json.JoinOptions(
		json.Deterministic(true),
		jsonv1.OmitEmptyWithLegacySemantics(true),
		json.WithMarshalers(json.MarshalToFunc(writeTime)),
	)
}

// writeTime writes t as RFC 3339 in UTC.
func writeTime(enc *jsontext.Encoder, t time.Time) error {
	return enc.WriteToken(jsontext.String(t.UTC().Format(time.RFC3339Nano)))
}

// strictFormat is the only format that huma is given. Names match exactly, invalid
// UTF-8, lone surrogates and repeated names are errors. It runs after the body was
// checked against its schema, which has already refused unknown members. Answers are
// not written through huma.
func strictFormat() huma.Format {
	return huma.Format{
		Marshal:   func(io.Writer, any) error { return nil },
		Unmarshal: func(data []byte, v any) error { return json.Unmarshal(data, v) },
	}
}
