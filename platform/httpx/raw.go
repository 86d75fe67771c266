package httpx

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// RawObject is a JSON object that is shown as it is, such as the profile that is kept
// beside a session. T is the type it was made from, which is what the document says of
// it. The zero value is the empty object.
type RawObject[T any] []byte

// Schema describes it as T.
func (RawObject[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

// MarshalJSONTo writes the object.
func (o RawObject[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	if len(o) == 0 {
		return enc.WriteValue(jsontext.Value("{}"))
	}
	return enc.WriteValue(jsontext.Value(o))
}

// MarshalJSON returns the object.
func (o RawObject[T]) MarshalJSON() ([]byte, error) {
	if len(o) == 0 {
		return []byte("{}"), nil
	}
	return o, nil
}

// Optional is a member of a PATCH: absent leaves the value, null clears it, and a value
// sets it. The zero value is absent. Declare it with omitzero, so that the document
// does not require it: `json:"full_name,omitzero"`.
type Optional[T any] struct {
	// Set is true when the member was there.
	Set bool
	// Value is nil for null.
	Value *T
}

// Schema describes it as a T that may be null.
func (Optional[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), true, "")
	s.Nullable = s.Ref == ""
	return &s
}

// UnmarshalJSONFrom reads the member.
func (o *Optional[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	o.Set = true
	return json.UnmarshalDecode(dec, &o.Value)
}

// MarshalJSONTo writes the value, or null.
func (o Optional[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	return json.MarshalEncode(enc, o.Value)
}

// IsZero reports whether the member was absent.
func (o Optional[T]) IsZero() bool { return !o.Set }
