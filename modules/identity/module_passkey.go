package identity

import (
	"crypto/rand"
	"log/slog"

	"go.uber.org/fx"

	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
)

type passkeyDependencies struct {
	fx.In

	Config   Config
	Platform config.Platform
	DB       *database.DB
	Clock    clock.Clock
	IDs      id.Source
	Tokens   *crypto.Tokens
	Keys     *crypto.Keyring
	Sealing  *crypto.Keyring `name:"encryption"`
	Bus      *events.Bus
	Issuer   authn.SessionIssuer
	Service  *Service
	Asked    authn.Compliance
	Log      *slog.Logger
}

func newPasskeys(d passkeyDependencies) (*factor.Passkeys, error) {
	owners := NewOwners(d.Service)
	return factor.NewPasskeys(factor.PasskeyParts{
		Config: d.Config.Passkeys, PublicURL: d.Platform.App.PublicURL, DB: d.DB, Clock: d.Clock, IDs: d.IDs, Rand: rand.Reader, Tokens: d.Tokens,
		Keys: d.Keys, Sealing: d.Sealing, Bus: d.Bus, Issuer: d.Issuer, Accounts: owners, Credentials: owners, Notices: owners, Compliance: d.Asked, Log: d.Log,
	})
}
