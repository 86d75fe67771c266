package apperr_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/authy2/backend/platform/apperr"
)

func TestFrom(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		code apperr.Code
		kind apperr.Kind
	}{
		"itself":        {apperr.ErrConflict, apperr.CodeConflict, apperr.Conflict},
		"wrapped":       {fmt.Errorf("load: %w", apperr.ErrNotFound), apperr.CodeNotFound, apperr.NotFound},
		"with a cause":  {apperr.ErrUnavailable.Wrap(io.EOF), apperr.CodeUnavailable, apperr.Unavailable},
		"driver hidden": {io.ErrUnexpectedEOF, apperr.CodeInternal, apperr.Internal},
		"joined":        {errors.Join(io.EOF, apperr.ErrGone), apperr.CodeGone, apperr.Gone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := apperr.From(tc.err)
			if got.Code() != tc.code || got.Kind() != tc.kind {
				t.Errorf("From(%v) = %s/%d, want %s/%d", tc.err, got.Code(), got.Kind(), tc.code, tc.kind)
			}
			if tc.kind == apperr.Internal && got.Message() != apperr.ErrInternal.Message() {
				t.Errorf("an internal error tells the client %q", got.Message())
			}
		})
	}
	if apperr.From(nil) != nil {
		t.Error("From(nil) is an error")
	}
}

func TestErrorsAreValues(t *testing.T) {
	t.Parallel()
	base := apperr.New(apperr.Conflict, "X", "x")
	changed := base.With("a", 1).With("b", 2).WithRetryAfter(time.Second).Wrap(io.EOF).WithMessage("y")
	if base.Details() != nil || base.RetryAfter() != 0 || errors.Unwrap(base) != nil || base.Message() != "x" {
		t.Errorf("a copy changed the original: %+v", base)
	}
	if !errors.Is(changed, base) || !errors.Is(changed, io.EOF) || len(changed.Details()) != 2 {
		t.Errorf("the copy lost something: %v", changed)
	}
	if errors.Is(base, apperr.New(apperr.Conflict, "Z", "x")) {
		t.Error("errors of different codes match")
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	if err := apperr.Fields(nil); err != nil {
		t.Errorf("no complaints = %v", err)
	}
	err := apperr.From(apperr.Fields(map[string][]string{"email": {"bad"}, "name": {"long"}}))
	if err.Code() != apperr.CodeValidation || len(err.Details()) != 2 {
		t.Errorf("Fields = %v %v", err, err.Details())
	}
}
