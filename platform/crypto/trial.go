package crypto

import (
	"fmt"

	"golang.org/x/crypto/bcrypt"

	"github.com/authy2/backend/platform/crypto/lanes"
)

// trial is one bcrypt of a password. It compares with the hash, or, when it is fresh, makes
// the hash from the salt in it. A hash of nothing but a cost is nobody's, and burns that.
type trial struct {
	hash  lanes.Parsed
	input []byte // at most maxBcrypt bytes
	fresh bool
	right bool
}

// conclude takes the digest of the password.
func (t *trial) conclude(d lanes.Digest) {
	if t.fresh {
		t.hash.Digest = d
	} else {
		t.right = t.hash.Matches(d)
	}
}

// alone does the trial by golang.org/x/crypto/bcrypt, in the time of one bcrypt of the cost,
// which is not below the hash's.
func (t *trial) alone(cost int) error {
	if t.fresh {
		hash, err := bcrypt.GenerateFromPassword(t.input, t.hash.Cost)
		if err == nil {
			t.hash, err = lanes.Parse(string(hash))
		}
		if err != nil {
			return fmt.Errorf("crypto: hash password: %w", err)
		}
		return nil
	}
	t.right = bcrypt.CompareHashAndPassword([]byte(t.hash.String()), t.input) == nil
	// 2^done + 2^done + 2^(done+1) + … + 2^(cost-1) is 2^cost.
	for done := t.hash.Cost; done < cost; done++ {
		nobody := lanes.Parsed{Cost: done}
		_ = bcrypt.CompareHashAndPassword([]byte(nobody.String()), t.input)
	}
	return nil
}

// engine is what computes several bcrypts side by side: a [lanes.Engine].
type engine interface {
	SelfTest(done <-chan struct{}) error
	Digests(cost int, jobs []lanes.Job) ([]lanes.Digest, error)
}

// sideBySide does the trials in one batch, in the time of one cost for all of them.
func sideBySide(e engine, cost int, trials []*trial) error {
	jobs := make([]lanes.Job, len(trials))
	for i, t := range trials {
		jobs[i] = lanes.Job{Hash: t.hash, Password: t.input}
	}
	digests, err := e.Digests(cost, jobs)
	if err != nil {
		return fmt.Errorf("crypto: batch of %d at cost %d: %w", len(jobs), cost, err)
	}
	for i, t := range trials {
		t.conclude(digests[i])
	}
	return nil
}
