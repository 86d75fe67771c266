package tenancy_test

import (
	"testing"

	"go.uber.org/fx"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/platformtest"
)

// TestContract is not parallel, as the contract asks.
func TestContract(t *testing.T) { //nolint:paralleltest // it counts goroutines
	platformtest.Contract(t, tenancy.Module(), fx.Options(
		platformtest.AnyToken(),
		fx.Provide(
			func(db *database.DB) tenancy.People { return &crowd{db} },
			func() authn.Registrar { return registrar{} },
			func() authn.SessionIssuer { return authn.NoSessions{} },
			func() tenancy.SystemLimits { return tenancy.SystemLimits{} },
		),
	))
}
