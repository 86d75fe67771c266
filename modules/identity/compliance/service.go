package compliance

import (
	"log/slog"
	"time"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
)

// Parts is what a [Service] works with. All are needed.
type Parts struct {
	DB    *database.DB
	Clock clock.Clock
	Bus   *events.Bus
	Jobs  *jobs.Client
	// Authorizer judges what somebody may do in an organization.
	Authorizer authn.Authorizer
	Members    Members
	People     People
	Users      Users
	Factors    Factors
	Notices    Notices
	Log        *slog.Logger
}

// Service is what organizations ask of their members, and who does it.
type Service struct {
	db         *database.DB
	clock      clock.Clock
	bus        *events.Bus
	jobs       *jobs.Client
	authorizer authn.Authorizer
	members    Members
	people     People
	users      Users
	factors    Factors
	notices    Notices
	log        *slog.Logger

	policies *policyStore
	rows     *memberStore
}

// NewService returns the use cases. It does no I/O.
func NewService(p Parts) *Service {
	return &Service{
		db: p.DB, clock: p.Clock, bus: p.Bus, jobs: p.Jobs, authorizer: p.Authorizer, members: p.Members, people: p.People,
		users: p.Users, factors: p.Factors, notices: p.Notices, log: p.Log,
		policies: newPolicyStore(p.DB), rows: newMemberStore(p.DB),
	}
}

// now is the instant as it is stored.
func (s *Service) now() time.Time { return database.Canonical(s.clock.Now()) }
