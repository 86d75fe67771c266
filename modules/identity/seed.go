package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/secret"
)

// seedOrder puts users before what belongs to them.
const seedOrder = 10

// sample is a user of the sample data.
type sample struct{ email, password, fullName string }

// samples are the users to try the system out with.
func samples() []sample {
	const password = "UserPass123!" // published in the README
	return []sample{
		{"admin@acme-corp.com", "AdminPass123!", "Alice Administrator"},
		{"superadmin@acme-corp.com", "SuperAdmin123!", "Sarah SuperAdmin"},
		{"bob@acme-corp.com", password, "Bob Builder"},
		{"carol@acme-corp.com", password, "Carol Developer"},
		{"david@acme-corp.com", password, "David Designer"},
		{"eve@acme-corp.com", password, "Eve Engineer"},
		{"frank@tech-startup.com", password, "Frank Founder"},
		{"grace@tech-startup.com", password, "Grace Growth"},
		{"henry@tech-startup.com", password, "Henry Hacker"},
		{"iris@data-systems.com", password, "Iris Analyst"},
		{"jack@data-systems.com", password, "Jack Data"},
		{"charlie@cross-org.com", password, "Charlie Consultant"},
	}
}

// Seed adds the sample users that are not there yet and tells progress in sentences.
func (s *Service) Seed(ctx context.Context, progress func(string)) error {
	all := samples()
	for i, one := range all {
		what := "is there already"
		added, err := s.seedOne(ctx, one)
		if err != nil {
			return fmt.Errorf("identity: seed %s: %w", one.email, err)
		}
		if added {
			what = "added"
		}
		progress(fmt.Sprintf("users %d/%d: %s %s", i+1, len(all), one.email, what))
	}
	return nil
}

// seedOne adds a sample user unless the address is taken.
func (s *Service) seedOne(ctx context.Context, one sample) (added bool, err error) {
	// Asked first, so that a second run hashes nothing; the constraint decides.
	if c, err := s.store.findByEmail(ctx, one.email); err == nil && c.ID != "" {
		return false, nil
	}
	hash, err := s.passwords.Hash(ctx, secret.New(one.password))
	if err != nil {
		return false, err
	}
	r := s.newUser(one.email, one.fullName)
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.announce(ctx, tx, r, hash, "") })
	if errors.Is(err, ErrEmailTaken) {
		return false, nil
	}
	return err == nil, err
}
