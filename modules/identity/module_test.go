package identity_test

import (
	"testing"

	"go.uber.org/fx"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
)

// It counts goroutines and cannot run beside other tests.
func TestContract(t *testing.T) {
	platformtest.Contract(t, identity.Module(), fx.Options(
		platformtest.AnyToken(),
		fx.Provide(
			func() authn.SessionIssuer { return authn.NoSessions{} },
			func() authn.Compliance { return authn.NoCompliance{} },
			func() identity.DeletionGuards { return nil },
		),
	))
}
