package spreadsheet

import (
	"encoding/csv"
	"io"
)

// Writer writes rows as CSV with CR LF at the ends of lines (RFC 4180), every cell
// defused. What it is given may wait until Flush.
type Writer struct {
	out   *csv.Writer
	cells []string
}

// NewWriter returns a Writer whose first row are the names of the columns.
func NewWriter(w io.Writer, columns ...string) (*Writer, error) {
	out := &Writer{out: csv.NewWriter(w)}
	out.out.UseCRLF = true
	return out, out.Write(columns...)
}

// Write writes a row.
func (w *Writer) Write(cells ...string) error {
	w.cells = w.cells[:0]
	for _, c := range cells {
		w.cells = append(w.cells, Defuse(c))
	}
	return w.out.Write(w.cells)
}

// Flush writes what waits, and returns the first error of all writing.
func (w *Writer) Flush() error {
	w.out.Flush()
	return w.out.Error()
}
