package httpx

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
)

const (
	// answerLife is how long a request can be repeated.
	answerLife = 24 * time.Hour
	// runningLife bounds how long a process that died holds back the repetition of what
	// it was working on. It is longer than any transaction may last.
	runningLife = 30 * time.Second
	// pruneBatch is how many rows one statement of Prune deletes.
	pruneBatch = 1000
)

// Answers keeps the answers of requests that carried an Idempotency-Key, so that
// repeating one repeats its answer and not its effect. Claim, effect and answer are one
// transaction: whatever happens in between, there are all of them or none.
//
// Nothing in the table can be read without both the server's key and the client's: the
// answer is sealed under a key made of both, the request's body is kept as a keyed hash,
// and the client's key only as a part of the hash that names the row.
type Answers struct {
	db     *database.DB
	store  cache.Store
	keys   *crypto.Keyring
	clock  clock.Clock
	random io.Reader
	log    *slog.Logger

	find, claim, keep, drop, prune *database.Stmt
}

// NewAnswers returns the answers kept in db. store holds the marks of requests that are
// being worked on; without it repeated requests wait for one another in the database.
func NewAnswers(db *database.DB, store cache.Store, keys *crypto.Keyring, clk clock.Clock, random io.Reader, log *slog.Logger) *Answers {
	return &Answers{
		db: db, store: store, keys: keys, clock: clk, random: random, log: log,
		find: db.Prepare(`SELECT fingerprint, answer, expires_at FROM platform_idempotency WHERE scope = ?`),
		claim: db.Prepare(`INSERT INTO platform_idempotency (scope, fingerprint, status, answer, created_at, expires_at)
			VALUES (?, ?, 0, NULL, ?, ?)
			ON CONFLICT (scope) DO UPDATE SET fingerprint = excluded.fingerprint, status = 0, answer = NULL,
				created_at = excluded.created_at, expires_at = excluded.expires_at
			WHERE platform_idempotency.expires_at <= excluded.created_at`),
		keep: db.Prepare(`UPDATE platform_idempotency SET status = ?, answer = ? WHERE scope = ?`),
		drop: db.Prepare(`DELETE FROM platform_idempotency WHERE scope = ?`),
		prune: db.Prepare(`DELETE FROM platform_idempotency WHERE scope IN
			(SELECT scope FROM platform_idempotency WHERE expires_at <= ? LIMIT 1000) AND expires_at <= ?`),
	}
}

// Prune removes the answers whose time is over and returns how many. It is the work of
// the periodic job prune_idempotency.
func (a *Answers) Prune(ctx context.Context) (int64, error) {
	var total int64
	for {
		now := database.Canonical(a.clock.Now())
		result, err := a.prune.Exec(ctx, now, now) // judged again where somebody claimed it anew meanwhile
		if err != nil {
			return total, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return total, err
		}
		if total += n; n < pruneBatch {
			return total, nil
		}
	}
}

// repeatable is one request that carries an Idempotency-Key.
type repeatable struct {
	answers *Answers
	key     string
	scope   [sha256.Size]byte
	content []byte
	// taken is true when another request claimed the key first.
	taken bool
	// mark is what this request left in the store while it runs.
	mark []byte
}

// request names a request: one key means one request for one caller, method and path.
func (a *Answers) request(key, caller, method, path, query string, body []byte) *repeatable {
	h := sha256.New()
	for _, part := range []string{caller, method, path, key} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	r := &repeatable{answers: a, key: key, content: append(append([]byte(query), 0), body...)}
	h.Sum(r.scope[:0])
	return r
}

// fingerprint is the keyed hash of what the request says, under one of the server's keys.
func (r *repeatable) fingerprint(key [32]byte) []byte {
	m := hmac.New(sha256.New, key[:])
	m.Write(r.content)
	return m.Sum(nil)
}

// fingerprintLabel separates the key of fingerprints from the keys of other uses.
const fingerprintLabel = "idempotency fingerprint"

// sameAs reports whether a kept fingerprint is that of this request.
func (r *repeatable) sameAs(kept []byte) bool {
	for _, key := range r.answers.keys.DeriveAll(fingerprintLabel) {
		if hmac.Equal(kept, r.fingerprint(key)) {
			return true
		}
	}
	return false
}

// kept looks the answer up. It returns nil when there is none, and
// [apperr.ErrIdempotencyConflict] when the key was used for another request.
func (r *repeatable) kept(ctx context.Context) (*keptAnswer, error) {
	var fingerprint, sealed []byte
	var expires time.Time
	err := r.answers.find.QueryRow(ctx, r.scope[:]).Scan(&fingerprint, &sealed, database.Time(&expires))
	switch {
	case database.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case !expires.After(r.answers.clock.Now()), sealed == nil:
		return nil, nil
	case !r.sameAs(fingerprint):
		return nil, errOtherRequest
	}
	return r.open(sealed)
}

// take is run first in the transaction of the effect: it claims the key.
func (r *repeatable) take(ctx context.Context, tx bun.Tx) error {
	r.taken = false
	now := database.Canonical(r.answers.clock.Now())
	result, err := r.answers.claim.In(tx).Exec(ctx, r.scope[:], r.fingerprint(r.answers.keys.Derive(fingerprintLabel)), now, now.Add(answerLife))
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		r.taken = true
		return errStillRunning
	}
	return nil
}

// put stores the answer in the transaction of the effect.
func (r *repeatable) put(k *keptAnswer) func(ctx context.Context, tx bun.Tx) error {
	return func(ctx context.Context, tx bun.Tx) error {
		sealed, err := r.seal(k)
		if err != nil {
			return err
		}
		_, err = r.answers.keep.In(tx).Exec(ctx, k.Status, sealed, r.scope[:])
		return err
	}
}

// forget gives the key back in the transaction of what the handler did besides refusing.
func (r *repeatable) forget(ctx context.Context, tx bun.Tx) error {
	_, err := r.answers.drop.In(tx).Exec(ctx, r.scope[:])
	return err
}

// begin marks the request as running. It returns false when another one runs already. A
// store out of reach marks nothing; the claim in the database decides then.
func (r *repeatable) begin(ctx context.Context) bool {
	if r.answers.store == nil {
		return true
	}
	mark := make([]byte, 16)
	if _, err := io.ReadFull(r.answers.random, mark); err != nil {
		return true
	}
	ok, err := r.answers.store.SetIfAbsent(ctx, r.markKey(), mark, runningLife)
	if err != nil {
		return true
	}
	if ok {
		r.mark = mark
	}
	return ok
}

// end removes the mark of begin.
func (r *repeatable) end(ctx context.Context) {
	if r.mark == nil {
		return
	}
	// A mark that cannot be removed runs out by itself.
	_, _ = r.answers.store.DeleteIfEqual(context.WithoutCancel(ctx), r.markKey(), r.mark)
	r.mark = nil
}

func (r *repeatable) markKey() string { return "idempotency:" + hex.EncodeToString(r.scope[:]) }
