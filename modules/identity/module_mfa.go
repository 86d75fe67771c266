package identity

import (
	"crypto/rand"
	"log/slog"
	"time"

	"go.uber.org/fx"

	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/privacy"
	"github.com/authy2/backend/platform/ratelimit"
)

// FeatureMFA is the name of the feature that gives second factors.
const FeatureMFA = "mfa"

// features are the parts of the module with a switch of their own.
func features() []kernel.Feature {
	return []config.Feature{{
		Name: FeatureMFA,
		Doc:  "Second factors: authenticator apps, recovery codes, passkeys and remembered devices.",
	}}
}

// secondFactors are the constructors of second factors. They give [*factor.Gate],
// [*factor.Factors], [*factor.Service] and [*factor.Passkeys], and where organizations can
// ask for them what organizationPolicies says.
func secondFactors(policies bool) fx.Option {
	asked := noPolicies()
	if policies {
		asked = organizationPolicies()
	}
	return fx.Options(
		asked,
		fx.Provide(factor.NewGate, factor.NewFactors, newFactors, newPasskeys),
		fx.Provide(fx.Private, newFactorContribution),
	)
}

type factorDependencies struct {
	fx.In

	Config   Config
	DB       *database.DB
	Clock    clock.Clock
	IDs      id.Source
	Tokens   *crypto.Tokens
	Sealing  *crypto.Keyring `name:"encryption"`
	Bus      *events.Bus
	Guard    *ratelimit.Guard
	Issuer   authn.SessionIssuer
	Service  *Service
	Asked    authn.Compliance
	Composer *mail.Composer
	Log      *slog.Logger
}

func newFactors(d factorDependencies) *factor.Service {
	owners := NewOwners(d.Service)
	return factor.NewService(factor.Parts{
		Config: d.Config.factors(d.Composer.Brand().Name), DB: d.DB, Clock: d.Clock, IDs: d.IDs, Rand: rand.Reader, Tokens: d.Tokens,
		Keys: d.Sealing, Bus: d.Bus, Guard: d.Guard, Issuer: d.Issuer, Accounts: owners, Proof: owners, Credentials: owners, Notices: owners, Compliance: d.Asked, Log: d.Log,
	})
}

// factors is what the configuration says of second factors.
func (c Config) factors(brand string) factor.Config {
	issuer := c.TOTPIssuer
	if issuer == "" {
		issuer = brand
	}
	return factor.Config{Issuer: issuer, RememberFor: time.Duration(c.RememberDeviceDays) * 24 * time.Hour}
}

// extension is what the features of the module add to its contribution.
type extension kernel.Contribution

// join adds the extension to what the module contributes anyway.
func (e extension) join(c kernel.Contribution) kernel.Contribution {
	c.Endpoints = append(c.Endpoints, e.Endpoints...)
	c.Jobs = append(c.Jobs, e.Jobs...)
	c.Workers = append(c.Workers, e.Workers...)
	c.Subscriptions = append(c.Subscriptions, e.Subscriptions...)
	c.Exporters = append(c.Exporters, e.Exporters...)
	c.Actions = append(c.Actions, e.Actions...)
	return c
}

func newFactorContribution(s *factor.Service, p *factor.Passkeys, policies policyExtension) extension {
	return extension(extension(policies).join(kernel.Contribution{
		Endpoints:     append(s.Endpoints(), p.Endpoints()...),
		Jobs:          s.Jobs(),
		Subscriptions: s.Subscriptions(),
		Exporters:     []privacy.Exporter{s.Exporter(), p.Exporter()},
		Actions:       append(factor.Actions(), factor.PasskeyActions()...),
	}))
}
