package httpx

import (
	"bytes"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/authy2/backend/platform/apperr"
)

// envelopeVersion is the version of the envelope, not of the system.
const envelopeVersion = "1.0"

// head is the part of an envelope that is the same for every answer of its kind, ready
// to be copied.
type head []byte

// newHead encodes an envelope up to the opening quote of its request id.
func newHead(success bool, code int, message string) head {
	b := append([]byte(`{"version":"`), envelopeVersion...)
	b = append(b, `","success":`...)
	b = strconv.AppendBool(b, success)
	b = append(b, `,"code":`...)
	b = strconv.AppendInt(b, int64(code), 10)
	b = append(b, `,"message":`...)
	b = appendText(b, message)
	return append(b, `,"request_id":"`...)
}

// appendText appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func appendText(b []byte, s string) []byte {
	b, err := jsontext.AppendQuote(b, s)
	if err != nil { // s held invalid UTF-8, which AppendQuote has replaced
		return b
	}
	return b
}

// encoder writes envelopes. Its buffers are reused.
type encoder struct {
	options json.Options
	buffers sync.Pool
	// jsonType and problemType are the values of Content-Type, shared by all answers.
	jsonType, problemType []string
}

func newEncoder() *encoder {
	return &encoder{
		options:     writeOptions(),
		jsonType:    []string{mediaJSON}[:1:1],
		problemType: []string{mediaProblem}[:1:1],
		buffers:     sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, 1024)) }},
	}
}

// buffer returns an empty buffer, to be given back with release.
func (e *encoder) buffer() *bytes.Buffer { return e.buffers.Get().(*bytes.Buffer) }

// release gives a buffer back, unless it has grown so large that keeping it would hold
// the memory of one big answer for ever.
func (e *encoder) release(b *bytes.Buffer) {
	if b.Cap() <= 64<<10 {
		b.Reset()
		e.buffers.Put(b)
	}
}

// answer writes the body of a success as the operation declares it.
func (e *encoder) answer(b *bytes.Buffer, op Operation, h head, requestID string, data any, page *Page) error {
	if op.Bare {
		return json.MarshalWrite(b, data, e.options)
	}
	return e.success(b, h, requestID, data, page)
}

// success writes the envelope of an answer. data is a pointer to the payload.
func (e *encoder) success(b *bytes.Buffer, h head, requestID string, data any, page *Page) error {
	b.Write(h)
	b.WriteString(requestID)
	b.WriteString(`","data":`)
	start := b.Len()
	if err := json.MarshalWrite(b, data, e.options); err != nil {
		return err
	}
	if string(b.Bytes()[start:]) == "null" { // data is always there
		b.Truncate(start)
		b.WriteString("{}")
	}
	if page == nil {
		b.WriteString(`,"meta":{}}`)
		return nil
	}
	b.WriteString(`,"meta":{"limit":`)
	b.WriteString(strconv.Itoa(page.Limit))
	b.WriteString(`,"next_cursor":`)
	if page.Next == "" {
		b.WriteString("null")
	} else {
		b.Write(appendText(nil, page.Next))
	}
	b.WriteString("}}")
	return nil
}

// failure writes the envelope of an error.
func (e *encoder) failure(b *bytes.Buffer, status int, requestID string, err *apperr.Error) error {
	b.Write(newHead(false, status, err.Message()))
	b.WriteString(requestID)
	b.WriteString(`","error":{"type":`)
	b.Write(appendText(nil, string(err.Code())))
	b.WriteString(`,"details":`)
	if encErr := json.MarshalWrite(b, detailsOf(err), e.options); encErr != nil {
		return encErr
	}
	b.WriteString("}}")
	return nil
}

// detailsOf returns the details of err, never nil.
func detailsOf(err *apperr.Error) map[string]any {
	if d := err.Details(); d != nil {
		return d
	}
	return map[string]any{}
}
