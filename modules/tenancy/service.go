package tenancy

import (
	"context"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/mail"
)

// Parts is what a [Service] works with. All are needed; a system without sessions has
// authn.NoSessions{} as its Issuer and zero Limits.
type Parts struct {
	DB           *database.DB
	Directory    *Directory
	People       People
	Registrar    authn.Registrar
	Issuer       authn.SessionIssuer
	Limits       SystemLimits
	Outbox       mail.Outbox
	Composer     *mail.Composer
	Tokens       *crypto.Tokens
	Clock        clock.Clock
	IDs          id.Source
	Bus          *events.Bus
	Invalidation *invalidation.Log
	Log          *slog.Logger
	// PublicURL is the address that clients use, without a slash at the end.
	PublicURL string
}

// Service is what people do with their organizations.
type Service struct {
	config       Config
	db           *database.DB
	store        *store
	invites      *inviteStore
	directory    *Directory
	people       People
	registrar    authn.Registrar
	issuer       authn.SessionIssuer
	limits       SystemLimits
	outbox       mail.Outbox
	composer     *mail.Composer
	tokens       *crypto.Tokens
	clock        clock.Clock
	ids          id.Source
	bus          *events.Bus
	invalidation *invalidation.Log
	log          *slog.Logger
	publicURL    string
}

// New returns the use cases. It does no I/O.
func New(config Config, p Parts) *Service {
	return &Service{
		config: config, db: p.DB, store: newStore(p.DB), invites: newInviteStore(p.DB), directory: p.Directory, people: p.People, registrar: p.Registrar,
		issuer: p.Issuer, limits: p.Limits, outbox: p.Outbox, composer: p.Composer, tokens: p.Tokens, clock: p.Clock, ids: p.IDs, bus: p.Bus,
		invalidation: p.Invalidation, log: p.Log, publicURL: p.PublicURL,
	}
}

// now is the time as it is stored.
func (s *Service) now() time.Time { return database.Canonical(s.clock.Now()) }

// hold holds an organization until tx ends, so that its members change one after another,
// and then judges the caller by the role that they have now. Users are held before it,
// memberships after it. Somebody who is no member gets no lock.
func (s *Service) hold(ctx context.Context, tx bun.Tx, userID, organizationID string, need authn.Permission) (Role, error) {
	if err := s.store.hold(ctx, tx, userID, organizationID); err != nil {
		return "", err
	}
	m, err := s.directory.Authorize(ctx, tx, userID, organizationID, need)
	return Role(m.Role), err
}

// stale says that what is remembered of users must be read again, their sessions' limits
// above all, which every replica minds from the next request on.
func (s *Service) stale(ctx context.Context, tx bun.Tx, userIDs ...string) error {
	entries := make([]invalidation.Entry, len(userIDs))
	for i, userID := range userIDs {
		entries[i] = invalidation.Entry{Kind: invalidation.KindUser, Subject: userID}
	}
	if err := s.invalidation.Record(ctx, tx, entries...); err != nil {
		return err
	}
	return s.bus.Publish(ctx, tx, events.SessionLimitsChanged{UserIDs: userIDs})
}
