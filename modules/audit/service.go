package audit

import (
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
)

// Name is the module's name.
const Name = "audit"

// Parts is what a [Service] works with. All are needed.
type Parts struct {
	Config Config
	DB     *database.DB
	Clock  clock.Clock
	IDs    id.Source
	Bus    *events.Bus
	// Keys is the ring of ENCRYPTION_KEY.
	Keys *crypto.Keyring
	// Random makes nonces and the keys of subjects.
	Random io.Reader
	// People and Authorizer are filled by modules that may be off: see [NoPeople].
	People     People
	Authorizer authn.Authorizer
	Log        *slog.Logger
}

// Service records the trail and reads it.
type Service struct {
	config     Config
	db         *database.DB
	store      *store
	clock      clock.Clock
	ids        id.Source
	bus        *events.Bus
	secrets    *secrets
	people     People
	authorizer authn.Authorizer
	log        *slog.Logger
	// undeclared are the actions that were warned about.
	undeclared sync.Map
}

// New returns the service. It does no I/O.
func New(p Parts) *Service {
	return &Service{
		config: p.Config, db: p.DB, store: newStore(p.DB), clock: p.Clock, ids: p.IDs, bus: p.Bus,
		secrets: newSecrets(p.Keys, p.Random), people: p.People, authorizer: p.Authorizer, log: p.Log,
	}
}

// now is the time as it is stored.
func (s *Service) now() time.Time { return database.Canonical(s.clock.Now()) }
