package audit

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/kernel"
)

// Sealing is what makes the trail one that nobody can alter unnoticed: it seals, verifies,
// erases, prunes and takes rows out as an archive. It is safe for concurrent use, in many
// processes.
type Sealing struct {
	config  Config
	db      *database.DB
	clock   clock.Clock
	bus     *events.Bus
	secrets *secrets
	people  People
	log     *slog.Logger
	trail   *Service // reads rows for the command line

	keys  *signingKeys
	marks marker
	heads headFile
	// resealed is true once this process knows that nothing is left that an older
	// ENCRYPTION_KEY has sealed.
	resealed atomic.Bool

	seals, rows, refused prometheus.Counter
}

// NewSealing returns the sealing of the trail that the service of the same parts keeps. Its
// metrics go to registerer, or nowhere when that is nil. It does no I/O.
func NewSealing(p Parts, registerer prometheus.Registerer) (*Sealing, error) {
	l := &Sealing{
		config: p.Config, db: p.DB, clock: p.Clock, bus: p.Bus, secrets: newSecrets(p.Keys, p.Random), people: p.People, log: p.Log, trail: New(p),
		keys:  newSigningKeys(p.Keys, p.Random),
		marks: marker{crypto.NewSealer(p.Keys, labelMark, p.Random)},
		heads: headFile(p.Config.HeadFile),
		seals: prometheus.NewCounter(prometheus.CounterOpts{Name: "audit_seals_total", Help: "Seals that this process made."}),
		rows:  prometheus.NewCounter(prometheus.CounterOpts{Name: "audit_sealed_rows_total", Help: "Rows of the trail that this process sealed."}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "audit_refused_rows_total", Help: "Unsealed rows that were found altered, at each attempt to seal them.",
		}),
	}
	if registerer == nil {
		return l, nil
	}
	for _, c := range []prometheus.Collector{l.seals, l.rows, l.refused} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
	}
	return l, nil
}

// newSealing is NewSealing as the module builds it.
func newSealing(d dependencies, registerer prometheus.Registerer) (*Sealing, error) {
	return NewSealing(Parts{
		Config: d.Config, DB: d.DB, Clock: d.Clock, IDs: d.IDs, Bus: d.Bus, Keys: d.Keys, Random: rand.Reader,
		People: d.People, Authorizer: d.Authorizer, Log: d.Log,
	}, registerer)
}

// now is the time as it is stored.
func (l *Sealing) now() time.Time { return database.Canonical(l.clock.Now()) }

func (l *Sealing) jobs() []jobs.Periodic {
	return []jobs.Periodic{
		{
			Name: "seal_audit", Doc: "Seals the rows of the audit trail that were written since.",
			Every: sealEvery, Timeout: sealEvery, Run: l.seal,
		},
		{
			Name: "reconcile_audit", Doc: "Erases personal data of users who were deleted while the audit module was off.",
			Every: 10 * time.Minute, Timeout: time.Minute, Run: l.reconcile,
		},
		{
			Name: "prune_audit", Doc: "Removes rows of the audit trail that are older than AUDIT_RETENTION_DAYS.",
			Every: 24 * time.Hour, Timeout: 10 * time.Minute, Run: l.prune,
		},
	}
}

func (l *Sealing) subscriptions() []events.Subscription {
	return []events.Subscription{events.On(Name+".erase_user", l.userDeleted)}
}

func (l *Sealing) commands() []kernel.Command { return commands(l) }
