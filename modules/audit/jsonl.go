package audit

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
)

// jsonlWriter writes one JSON object a line.
type jsonlWriter struct {
	out     *bufio.Writer
	encoder *json.Encoder
}

func newJSONL(w io.Writer) jsonlWriter {
	out := bufio.NewWriterSize(w, 32<<10)
	return jsonlWriter{out, newEncoder(out)}
}

// newEncoder writes JSON in which < and & are themselves: it is in no page of HTML.
func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

// jsonOf is a value in JSON.
func jsonOf(v any) (string, error) {
	var b strings.Builder
	err := newEncoder(&b).Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

func (j jsonlWriter) write(rows []Row) error {
	for i := range rows {
		if err := j.encoder.Encode(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func (j jsonlWriter) flush() error { return j.out.Flush() }
