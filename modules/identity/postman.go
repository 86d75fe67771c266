package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/ratelimit"
)

const (
	// leastPause and spreadPause are how long after a request its mail is written. The work
	// that an address with an account makes must not meet the answer, nor whatever the same
	// client does next.
	leastPause  = 500 * time.Millisecond
	spreadPause = time.Second
	// roundTimeout bounds what follows one pause, and roundFor how long that begins mails of
	// either kind: what is left then comes with the next.
	roundTimeout, roundFor = 10 * time.Second, 3 * time.Second
)

// PostmanParts is what a [Postman] works with. All are needed.
type PostmanParts struct {
	Config   Config
	DB       *database.DB
	Clock    clock.Clock
	IDs      id.Source
	Bus      *events.Bus
	Limiter  *ratelimit.Limiter
	Tokens   *crypto.Tokens
	Composer *mail.Composer
	Outbox   mail.Outbox
	// Keys name addresses in the counts of the limit, Sealing seals them at rest.
	Keys, Sealing *crypto.Keyring
	Rand          io.Reader
	Log           *slog.Logger
	// PublicURL is the address that clients use.
	PublicURL string
	// MailDisabled is true where no mail is sent: nobody is promised one then.
	MailDisabled bool
}

// Postman writes the mails that people ask for without being signed in. What they ask for
// is kept under seal, the same for every address, and only looked at after the answer, so
// that neither answer nor time tells whether an address has an account. What is kept is
// removed in the transaction that keeps the mail: any number of processes write it once,
// and a crash loses none.
type Postman struct {
	correspondence
	db       *database.DB
	store    *store
	requests *requestStore
	bus      *events.Bus
	limiter  *ratelimit.Limiter
	key      [32]byte
	sealer   *crypto.Sealer
	rand     io.Reader
	disabled bool

	wake    chan struct{}
	stop    context.CancelFunc
	running sync.WaitGroup
}

// NewPostman returns a postman that writes nothing by itself until it is started.
func NewPostman(p PostmanParts) *Postman {
	return &Postman{
		correspondence: correspondence{
			tokens: newTokenStore(p.DB), mint: p.Tokens, composer: p.Composer, outbox: p.Outbox, clock: p.Clock, ids: p.IDs,
			pages: newPages(p.Config, p.PublicURL), log: p.Log,
		},
		db: p.DB, store: newStore(p.DB), requests: newRequestStore(p.DB), bus: p.Bus, limiter: p.Limiter,
		key: p.Keys.Derive("identity mail requests"), sealer: crypto.NewSealer(p.Sealing, "identity mail request", p.Rand), rand: p.Rand,
		disabled: p.MailDisabled, wake: make(chan struct{}, 1),
	}
}

// Start begins to write, also what a process before this one left behind. ctx is for
// starting only.
func (p *Postman) Start(ctx context.Context) error {
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	p.running.Go(func() { p.loop(ctx) })
	p.hurry()
	return nil
}

// Stop lets the mail that is being written be finished. What waits is written by the next
// process, or by the periodic job of another. Stopping twice, or without a start, is legal.
func (p *Postman) Stop(context.Context) error {
	if p.stop != nil {
		p.stop()
	}
	p.running.Wait()
	return nil
}

// hurry has the mails that wait written soon.
func (p *Postman) hurry() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Postman) loop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		pause := time.NewTimer(p.pause())
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
		round, cancel := context.WithTimeout(ctx, roundTimeout)
		if _, err := p.Write(round); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "mails that were asked for could not be written; the periodic job tries again", "err", err)
		}
		cancel()
	}
}

// pause returns how long to wait, which nobody can foresee.
func (p *Postman) pause() time.Duration {
	var spread [1]byte
	if _, err := io.ReadFull(p.rand, spread[:]); err != nil {
		return leastPause + spreadPause
	}
	return leastPause + spreadPause*time.Duration(spread[0])/256
}

// wish is what somebody asked to be mailed, as it is kept under seal.
type wish struct {
	Email  string       `json:"email"`
	Client authn.Client `json:"client"`
}

// ask keeps that somebody wants a mail at the normalized address. Whether it has an account
// is not looked at. An address that was asked for too often is not kept, and nobody is told.
func (p *Postman) ask(ctx context.Context, purpose Purpose, email string, client authn.Client) error {
	if p.disabled {
		return nil
	}
	if err := p.mayMail(ctx, purpose, email); err != nil {
		if errors.Is(err, apperr.ErrRateLimited) {
			return nil
		}
		return err
	}
	r := requestRow{ID: p.ids.New(), Purpose: purpose, CreatedAt: database.Canonical(p.clock.Now())}
	plain, err := json.Marshal(wish{email, client})
	if err != nil {
		return fmt.Errorf("identity: write a request for mail: %w", err)
	}
	if r.Sealed, err = p.sealer.Seal(plain, r.bound()); err != nil {
		return fmt.Errorf("identity: seal a request for mail: %w", err)
	}
	return p.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := p.requests.add(ctx, tx, &r); err != nil {
			return err
		}
		database.AfterCommit(ctx, func(context.Context) { p.hurry() })
		return nil
	})
}

// mayMail counts a mail to an address, [apperr.ErrRateLimited] when there were too many.
func (p *Postman) mayMail(ctx context.Context, purpose Purpose, email string) error {
	count, err := p.limiter.Take(ctx, limitMail, p.counted(purpose, email))
	switch {
	case err != nil:
		return fmt.Errorf("identity: %w", err)
	case count.Reached:
		return apperr.ErrRateLimited.WithRetryAfter(count.Reset.Sub(p.clock.Now()))
	}
	return nil
}

// The counts of what an address is sent that somebody registered, who may not be its owner.
const (
	countFirst   Purpose = "first"
	countNotices Purpose = "notice"
)

// notify tells the owner of an account what was done to it. While the address is not proved
// it may be anybody's, and whoever registered it could have it flooded: it is told of a few
// changes an hour then.
func (p *Postman) notify(ctx context.Context, tx bun.Tx, r *userRow, n notice) error {
	if !r.EmailVerified {
		err := p.mayMail(ctx, countNotices, r.Email)
		if errors.Is(err, apperr.ErrRateLimited) {
			p.log.InfoContext(ctx, "an address that is not verified was told enough", "user_id", r.ID, "mail", n.purpose)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return p.tell(ctx, tx, r.Email, n)
}

// counted names an address in the counts of the limit, where it must not be read.
func (p *Postman) counted(purpose Purpose, email string) string {
	h := hmac.New(sha256.New, p.key[:])
	h.Write([]byte(email))
	return string(purpose) + ":" + hex.EncodeToString(h.Sum(nil))
}
