package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/mail"
)

// errNoLetter means that an address cannot be written to, although it has an account. It
// would not be cured by trying again.
var errNoLetter = errors.New("identity: no mail can be written to this address")

// correspondence writes to the owners of accounts, inside the transaction that gives the
// reason. It is the only place where tokens are in clear, on their way into a sealed mail.
type correspondence struct {
	tokens   *tokenStore
	mint     *crypto.Tokens
	composer *mail.Composer
	outbox   mail.Outbox
	clock    clock.Clock
	ids      id.Source
	pages    pages
	log      *slog.Logger
}

// sendToken mails the user, who is held, a token that proves the address. The token of the
// purpose that they had before is worth nothing any more. Its error is [errNoLetter] when
// the address takes no mail.
func (c *correspondence) sendToken(ctx context.Context, tx bun.Tx, r *userRow, purpose Purpose, email string) error {
	now, token := database.Canonical(c.clock.Now()), c.mint.New()
	hash, ok := parseToken(token.Reveal())
	if !ok {
		return errors.New("identity: the token mint made no token")
	}
	t := tokenRow{
		ID: c.ids.New(), UserID: r.ID, Purpose: purpose, Email: email, CredentialVersion: r.CredentialVersion,
		ExpiresAt: now.Add(purpose.life()), CreatedAt: now,
	}
	page := c.pages.verify
	if purpose == PurposeReset {
		page = c.pages.reset
	}
	m, err := c.composer.Compose(c.pages.tokenLetter(&t, r.Email, c.composer.Brand().Name, page.Link(token)))
	if err != nil {
		return fmt.Errorf("%w: %w", errNoLetter, err)
	}
	if err := c.tokens.put(ctx, tx, &t, hash); err != nil {
		return err
	}
	if err := c.outbox.Send(ctx, tx, m); err != nil {
		return fmt.Errorf("identity: send a token: %w", err)
	}
	return nil
}

// tell sends a notice. An account whose address takes no mail is changed all the same.
func (c *correspondence) tell(ctx context.Context, tx bun.Tx, to string, n notice) error {
	m, err := c.composer.Compose(n.letter(to, c.clock.Now(), authn.ClientFrom(ctx)))
	if err != nil {
		c.log.WarnContext(ctx, "a notice cannot be written to the address of an account", "mail", n.purpose, "err", err)
		return nil
	}
	if err := c.outbox.Send(ctx, tx, m); err != nil {
		return fmt.Errorf("identity: send a notice: %w", err)
	}
	return nil
}
