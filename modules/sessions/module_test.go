package sessions_test

import (
	"testing"

	"go.uber.org/fx"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
)

// It counts goroutines and cannot run beside other tests.
func TestContract(t *testing.T) {
	known := newPeople()
	platformtest.Contract(t, sessions.Module(), fx.Provide(
		func() sessions.Credentials { return known },
		func() sessions.Accounts { return known },
		func() sessions.Standings { return sessions.NoStandings{} },
		func() authn.Compliance { return authn.NoCompliance{} },
		func() sessions.Factors { return sessions.NoFactors{} },
		openGates,
		func(s *sessions.Service) authn.Authenticator { return s },
		func() authn.Authorizer { return authn.NoAuthorizer{} },
	))
}
