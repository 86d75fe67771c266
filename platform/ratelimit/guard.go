package ratelimit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
)

// knownFor is how long an address that proved to be the owner's is treated as such.
const knownFor = 30 * 24 * time.Hour

// Policies are the delays of a [Guard].
type Policies struct {
	// Known counts failures for an account from an address that has succeeded before.
	Known Policy
	// Other counts failures for an account from everywhere else together.
	Other Policy
	// Address counts failures from an address for all accounts together.
	Address Policy
}

// DefaultPolicies returns the delays that hold unless a test or the operator changes them.
func DefaultPolicies() Policies {
	return Policies{
		Known:   Policy{Free: 5, Base: time.Second, Max: 30 * time.Second, Forget: 15 * time.Minute},
		Other:   Policy{Free: 5, Base: time.Second, Max: 5 * time.Minute, Forget: 15 * time.Minute},
		Address: Policy{Free: 50, Base: time.Second, Max: time.Minute, Forget: 15 * time.Minute},
	}
}

// Guard slows down whoever guesses passwords, and lets the owner past: failures from the
// addresses where the owner signed in before are counted apart from all others, so that
// a stranger's guessing does not lock the owner out. Accounts are named by a keyed
// hash of the email address, whether they exist or not.
type Guard struct {
	growing  Growing
	store    cache.Store
	key      [32]byte
	enabled  bool
	policies Policies
}

// NewGuard returns a Guard with the default policies. store remembers the owners'
// addresses; key is a derived key of the installation. When enabled is false every
// attempt is admitted and nothing is counted.
func NewGuard(growing Growing, store cache.Store, key [32]byte, enabled bool) *Guard {
	return &Guard{growing: growing, store: store, key: key, enabled: enabled, policies: DefaultPolicies()}
}

// WithPolicies returns a copy of the guard with other delays.
func (g *Guard) WithPolicies(p Policies) *Guard {
	c := *g
	c.policies = p
	return &c
}

// Attempt counts a proof that is about to be checked for the account of the email
// address, before it is checked. It returns [apperr.ErrRateLimited] with the time to wait
// when the account or the address has failed too often; that counts nothing. An
// attempt about which neither Succeeded nor Release is called stays a failure.
func (g *Guard) Attempt(ctx context.Context, email string, client authn.Client) (*Attempt, error) {
	if !g.enabled {
		return &Attempt{}, nil
	}
	account, address := g.hash("account", normalized(email)), client.Bucket()
	a := &Attempt{
		guard:   g,
		account: "login:" + account + ":other",
		address: "login-addr:" + address,
		known:   g.knownKey(account, address),
	}
	policy := g.policies.Other
	// With the store out of reach everybody is a stranger.
	if _, ok, err := g.store.Get(ctx, a.known); err == nil && ok {
		a.account, policy = "login:"+account+":known:"+address, g.policies.Known
	}
	if err := g.reserve(ctx, a.account, policy); err != nil {
		return nil, err
	}
	if err := g.reserve(ctx, a.address, g.policies.Address); err != nil {
		_ = g.growing.Release(context.WithoutCancel(ctx), a.account)
		return nil, err
	}
	return a, nil
}

// Know notes that the client's address is the account owner's, for 30 days, without an
// attempt: registration ends signed in, and the first log-in comes from the same place.
func (g *Guard) Know(ctx context.Context, email string, client authn.Client) {
	if g.enabled {
		_ = g.store.Set(ctx, g.knownKey(g.hash("account", normalized(email)), client.Bucket()), []byte{'1'}, knownFor)
	}
}

// knownKey is where the store keeps that an address is known for an account.
func (g *Guard) knownKey(account, address string) string {
	return "login-known:" + g.hash("known", account, address)
}

// reserve turns a wait, and a count that cannot be made at all, into what a client is told.
func (g *Guard) reserve(ctx context.Context, bucket string, p Policy) error {
	wait, err := g.growing.Reserve(ctx, bucket, p)
	switch {
	case err != nil:
		return apperr.ErrUnavailable.WithRetryAfter(time.Second).Wrap(err)
	case wait > 0:
		return apperr.ErrRateLimited.WithRetryAfter(wait)
	}
	return nil
}

// hash returns the keyed hash of the parts in hexadecimal digits.
func (g *Guard) hash(parts ...string) string {
	h := hmac.New(sha256.New, g.key[:])
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// normalized brings spellings of one address together. Two accounts that share a
// spelling here are merely throttled together. Letters become small before they are
// composed, as accounts are looked up: "I" and a dot above would become one letter
// otherwise, whose small form is not "i" and a dot above.
func normalized(email string) string {
	return strings.ToLower(norm.NFKC.String(strings.ToLower(strings.TrimSpace(email))))
}

// Attempt is a proof that is being checked. Of its methods only the first call counts.
type Attempt struct {
	guard                   *Guard
	account, address, known string
	once                    sync.Once
}

// Succeeded says that the proof was right: the account's failures are forgotten, the
// address's are not, and the address is known for the account for 30 days. What the
// cache cannot take down is let go.
func (a *Attempt) Succeeded(ctx context.Context) {
	a.finish(ctx, func(ctx context.Context, g *Guard) {
		_ = g.growing.Succeed(ctx, a.account)
		_ = g.growing.Release(ctx, a.address)
		_ = g.store.Set(ctx, a.known, []byte{'1'}, knownFor)
	})
}

// Release takes the attempt back, because the proof was not checked after all. It must
// not be called once it was.
func (a *Attempt) Release(ctx context.Context) {
	a.finish(ctx, func(ctx context.Context, g *Guard) {
		_ = g.growing.Release(ctx, a.account)
		_ = g.growing.Release(ctx, a.address)
	})
}

// finish runs fn once, also for a client that has left.
func (a *Attempt) finish(ctx context.Context, fn func(ctx context.Context, g *Guard)) {
	if a.guard == nil {
		return
	}
	a.once.Do(func() { fn(context.WithoutCancel(ctx), a.guard) })
}
