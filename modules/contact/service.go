package contact

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/mail"
)

// Parts is what a [Service] works with. All are needed.
type Parts struct {
	DB       *database.DB
	People   People
	Outbox   mail.Outbox
	Composer *mail.Composer
	Clock    clock.Clock
	IDs      id.Source
	Bus      *events.Bus
}

// Service takes enquiries and shows them to the operator.
type Service struct {
	config   Config
	db       *database.DB
	store    *store
	people   People
	outbox   mail.Outbox
	composer *mail.Composer
	clock    clock.Clock
	ids      id.Source
	bus      *events.Bus
}

// New returns the use cases. It does no I/O.
func New(config Config, p Parts) *Service {
	return &Service{
		config: config, db: p.DB, store: newStore(p.DB), people: p.People, outbox: p.Outbox, composer: p.Composer, clock: p.Clock,
		ids: p.IDs, bus: p.Bus,
	}
}

// now is the time as it is stored.
func (s *Service) now() time.Time { return database.Canonical(s.clock.Now()) }

// Submit keeps an enquiry and mails it to the recipient; the mail leaves with the commit.
// What is wrong with the enquiry is one validation error. One with a website is answered
// in the same way, and goes nowhere.
func (s *Service) Submit(ctx context.Context, n NewEnquiry) (Receipt, error) {
	e, complaints := n.normal()
	if err := apperr.Fields(complaints); err != nil {
		return Receipt{}, err
	}
	e.ID, e.CreatedAt = s.ids.New(), s.now()
	receipt := Receipt{ID: e.ID, Type: e.Type, CreatedAt: e.CreatedAt}
	if n.Website != "" {
		return receipt, nil
	}
	messages, err := s.messages(e)
	if err != nil {
		return Receipt{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.store.add(ctx, tx, e); err != nil {
			return err
		}
		for _, m := range messages {
			if err := s.outbox.Send(ctx, tx, m); err != nil {
				return fmt.Errorf("contact: mail an enquiry: %w", err)
			}
		}
		return s.bus.Publish(ctx, tx, events.Fact{
			Action: ActionCreate, ResourceType: resourceEnquiry, ResourceID: e.ID, Success: true,
			Metadata: map[string]string{"enquiry_type": string(e.Type)}, Personal: map[string]string{"email": e.Email},
		})
	})
	if err != nil {
		return Receipt{}, err
	}
	return receipt, nil
}

// messages are the mails of an enquiry.
func (s *Service) messages(e Enquiry) ([]mail.Message, error) {
	letters := []mail.Letter{e.letter(s.config.Recipient)}
	if s.config.Acknowledge {
		letters = append(letters, e.acknowledgement())
	}
	messages := make([]mail.Message, len(letters))
	for i, l := range letters {
		m, err := s.composer.Compose(l)
		if err != nil {
			return nil, fmt.Errorf("contact: write %s: %w", l.Purpose, err)
		}
		messages[i] = m
	}
	return messages, nil
}
