package audit_test

import (
	"testing"

	"go.uber.org/fx"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/platformtest"
)

// TestContract is not parallel, as the contract asks.
func TestContract(t *testing.T) { //nolint:paralleltest // it counts goroutines
	platformtest.Contract(t, audit.Module(), fx.Options(platformtest.AnyToken(), ports()))
}
