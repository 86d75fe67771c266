package factor

import (
	"io"
	"log/slog"
	"time"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/ratelimit"
)

// Config is what an operator decides about second factors.
type Config struct {
	// Issuer is whose codes they are, as authenticator apps show it. It holds no colon.
	Issuer string
	// RememberFor is how long a device is remembered; zero remembers none.
	RememberFor time.Duration
}

// Parts is what a [Service] works with. All are needed.
type Parts struct {
	Config Config
	DB     *database.DB
	Clock  clock.Clock
	IDs    id.Source
	Rand   io.Reader
	Tokens *crypto.Tokens
	// Keys seals what lies in the database.
	Keys  *crypto.Keyring
	Bus   *events.Bus
	Guard *ratelimit.Guard
	// Issuer completes sign-ins.
	Issuer      authn.SessionIssuer
	Accounts    Accounts
	Proof       Proof
	Credentials Credentials
	Notices     Notices
	Compliance  authn.Compliance
	Log         *slog.Logger
}

// Service is what people do with their authenticator apps, recovery codes and devices.
type Service struct {
	config      Config
	db          *database.DB
	clock       clock.Clock
	ids         id.Source
	rand        io.Reader
	tokens      *crypto.Tokens
	keys        *crypto.Keyring
	sealer      *crypto.Sealer
	bus         *events.Bus
	guard       *ratelimit.Guard
	challenges  *Challenges
	accounts    Accounts
	proof       Proof
	credentials Credentials
	notices     Notices
	compliance  authn.Compliance
	log         *slog.Logger

	factors  *Factors
	totp     *totpStore
	recovery *recoveryStore
	devices  *deviceStore
	sweep    *sweepStore
}

// totpLabel separates the key of secrets from the keys of other uses.
const totpLabel = "identity totp"

// NewService returns the use cases. It does no I/O.
func NewService(p Parts) *Service {
	return &Service{
		config: p.Config, db: p.DB, clock: p.Clock, ids: p.IDs, rand: p.Rand, tokens: p.Tokens, keys: p.Keys,
		sealer: crypto.NewSealer(p.Keys, totpLabel, p.Rand), bus: p.Bus, guard: p.Guard,
		challenges: NewChallenges(p.DB, p.Tokens, p.Clock, p.IDs, p.Accounts, p.Issuer),
		accounts:   p.Accounts, proof: p.Proof, credentials: p.Credentials, notices: p.Notices, compliance: p.Compliance, log: p.Log,
		factors: NewFactors(p.DB, p.Clock), totp: newTOTPStore(p.DB), recovery: newRecoveryStore(p.DB), devices: newDeviceStore(p.DB), sweep: newSweepStore(p.DB),
	}
}

// now is the instant as it is stored.
func (s *Service) now() time.Time { return database.Canonical(s.clock.Now()) }
