package identity

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/secret"
)

// rehashQueue is how many passwords may wait to be hashed again. What does not fit waits
// for its owner's next sign-in.
const rehashQueue = 64

// Rehasher brings the stored form of passwords up to date after a sign-in showed them. It
// is best effort and gives way to everybody who waits for a hash.
type Rehasher struct {
	store     *store
	db        *database.DB
	passwords *crypto.Passwords
	log       *slog.Logger
	queue     chan outdated
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// outdated is a right password whose stored form is old.
type outdated struct {
	userID, hash string
	password     secret.String
}

// NewRehasher returns a rehasher that does nothing until it is started.
func NewRehasher(db *database.DB, passwords *crypto.Passwords, log *slog.Logger) *Rehasher {
	return &Rehasher{store: newStore(db), db: db, passwords: passwords, log: log, queue: make(chan outdated, rehashQueue)}
}

// Start begins to work. ctx is for starting only.
func (r *Rehasher) Start(ctx context.Context) error {
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	r.running.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case o := <-r.queue:
				r.rehash(ctx, o)
			}
		}
	})
	return nil
}

// Stop drops what waits and waits for what is being hashed. Stopping twice, or without a
// start, is legal.
func (r *Rehasher) Stop(context.Context) error {
	if r.stop != nil {
		r.stop()
	}
	r.running.Wait()
	return nil
}

// later hashes a password again when there is time.
func (r *Rehasher) later(userID, hash string, password secret.String) {
	select {
	case r.queue <- outdated{userID, hash, password}:
	default:
	}
}

// rehash replaces a stored form unless the password was changed meanwhile. The credential
// version stays: the password is the same.
func (r *Rehasher) rehash(ctx context.Context, o outdated) {
	hash, err := r.passwords.HashIfIdle(ctx, o.password)
	if err == nil {
		err = r.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := r.store.replaceHash(ctx, tx, o.userID, o.hash, hash)
			return err
		})
	}
	if err != nil && !errors.Is(err, apperr.ErrUnavailable) && ctx.Err() == nil {
		r.log.WarnContext(ctx, "a password could not be hashed again; the next sign-in tries", "user_id", o.userID, "err", err)
	}
}
