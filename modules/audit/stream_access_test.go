package audit_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
)

// until lets everybody read a few times, and then nobody.
type until struct{ left atomic.Int64 }

func (u *until) Authorize(ctx context.Context, db bun.IDB, userID, organizationID string, need authn.Permission) (authn.Membership, error) {
	if u.left.Add(-1) < 0 {
		return authn.Membership{}, apperr.ErrNotFound
	}
	return anyRole{}.Authorize(ctx, db, userID, organizationID, need)
}

// Whoever is removed from an organization while they read its trail, however slowly, gets
// no further page, and half an export does not pass for a whole one.
func TestStreamEndsWithThePermission(t *testing.T) {
	t.Parallel()
	for _, media := range []string{audit.MediaCSV, audit.MediaJSONL} {
		roles := &until{}
		roles.left.Store(2) // for the request and for the second page
		s := newSite(t, platformtest.SQLite(t, lines()...), func(s *setup) { s.authorizer, s.ids = roles, id.Generator{} })
		s.fill(t, 4000, ann)
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, acmeTrail, nil)
		r.Header.Set("Authorization", "Bearer ann")
		r.Header.Set("Accept", media)
		var cut error
		func() {
			defer func() { cut, _ = recover().(error) }()
			s.handler.ServeHTTP(w, r)
		}()
		const most = 2*500 + 1
		if n := strings.Count(w.Body.String(), "\n"); !errors.Is(cut, http.ErrAbortHandler) || n == 0 || n > most {
			t.Errorf("%s: %d lines, want at most %d; it ended with %v", media, n, most, cut)
		}
	}
}
