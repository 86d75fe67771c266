package factor

import (
	"context"

	"github.com/authy2/backend/platform/privacy"
)

// Exporter gives the section of a user's export: the passkeys as their owner sees them.
func (p *Passkeys) Exporter() privacy.Exporter {
	return privacy.Exporter{Section: "passkeys", Export: func(ctx context.Context, userID string) (any, error) { return p.List(ctx, userID) }}
}
