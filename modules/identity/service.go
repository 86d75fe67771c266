package identity

import (
	"log/slog"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/privacy"
	"github.com/authy2/backend/platform/ratelimit"
)

// MethodPassword is the authentication method of a password (RFC 8176 §2).
const MethodPassword = "pwd"

// Parts is what a [Service] works with. All are needed but Guards; a system without
// sessions has authn.NoSessions{} as its Issuer.
type Parts struct {
	Config       Config
	DB           *database.DB
	Clock        clock.Clock
	IDs          id.Source
	Passwords    *crypto.Passwords
	Rules        *Rules
	Bus          *events.Bus
	Invalidation *invalidation.Log
	Guard        *ratelimit.Guard
	Issuer       authn.SessionIssuer
	Postman      *Postman
	Guards       DeletionGuards
	Exports      *privacy.Registry
	Log          *slog.Logger
}

// Service is what people do with their own account.
type Service struct {
	*Registrar

	db           *database.DB
	invalidation *invalidation.Log
	guard        *ratelimit.Guard
	issuer       authn.SessionIssuer
	gate         *VerifiedEmailGate
	postman      *Postman
	tokens       *tokenStore
	guards       DeletionGuards
	exports      *privacy.Registry
	log          *slog.Logger
}

// NewService returns the use cases. It does no I/O.
func NewService(p Parts) *Service {
	return &Service{
		Registrar: NewRegistrar(p.DB, p.Clock, p.IDs, p.Passwords, p.Rules, p.Bus), db: p.DB, invalidation: p.Invalidation,
		guard: p.Guard, issuer: p.Issuer, gate: NewVerifiedEmailGate(p.Config), postman: p.Postman, tokens: p.Postman.tokens,
		guards: p.Guards, exports: p.Exports, log: p.Log,
	}
}

// stale says that what is remembered of a user must be read again.
func stale(userID string) invalidation.Entry {
	return invalidation.Entry{Kind: invalidation.KindUser, Subject: userID}
}
