package harness

import (
	"net/http"
	"testing"

	"github.com/authy2/backend/e2e/contract"
)

// Document is the OpenAPI document that the process serves.
func (s *Server) Document(t testing.TB) *contract.Document {
	t.Helper()
	s.once.Do(func() {
		a, err := s.Try(t.Context(), Call{Path: "/api/openapi.json"})
		if err != nil || a.Status != http.StatusOK {
			s.documentErr = err
			return
		}
		s.document, s.documentErr = contract.Parse(a.Body)
	})
	if s.documentErr != nil {
		t.Fatalf("read /api/openapi.json: %v", s.documentErr)
	}
	return s.document
}

// documented holds an answer against the document. Paths and methods that no operation
// has are not in it.
func (s *Server) documented(t testing.TB, a *Answer) error {
	t.Helper()
	document := s.Document(t)
	if document == nil || a.Call.Undocumented {
		return nil
	}
	operation := document.Find(a.Call.Method, a.Call.Path)
	if operation == nil {
		return nil
	}
	return operation.Check(a.Status, a.Header.Get("Content-Type"), a.Body)
}
