package lanes

import (
	"crypto/subtle"
	"errors"
)

// Width is how many passwords are hashed at once at most. Four lanes are 17 KiB of state,
// which fits any first-level cache, and as many halves as amd64 has registers for.
const Width = 4

var (
	// ErrBatch is returned for a batch of no jobs or of more than Width.
	ErrBatch = errors.New("lanes: a batch is one to four jobs")
	// ErrCost is returned for a batch whose jobs differ in cost, and for a cost below MinCost
	// or above MaxCost: lanes run in step.
	ErrCost = errors.New("lanes: costs differ or are out of range")
	// ErrPasswordTooLong is returned for a password of more than MaxPassword bytes.
	ErrPasswordTooLong = errors.New("lanes: password exceeds 72 bytes")
)

// Engine computes bcrypt. Its zero value is useless; New makes one. It may be used by many
// goroutines at once.
type Engine struct {
	pi lane
}

// Job is one password and the hash it is compared with.
type Job struct {
	Hash     Parsed
	Password []byte
}

// New returns an engine. It computes the initial state of Blowfish, which takes some
// milliseconds. Whoever keeps one runs SelfTest before it is trusted.
func New() *Engine { return &Engine{pi: piWords()} }

// Verify reports for each of one to Width jobs whether the password is that of the hash. All
// jobs must have one cost; the batch takes the same time whatever the answers are. On an
// error (ErrBatch, ErrCost, ErrPasswordTooLong) nothing was hashed and there are no answers.
func (e *Engine) Verify(jobs []Job) ([]bool, error) {
	if len(jobs) == 0 || len(jobs) > Width {
		return nil, ErrBatch
	}
	cost := jobs[0].Hash.Cost
	salts, passwords := make([]Salt, len(jobs)), make([][]byte, len(jobs))
	for i, job := range jobs {
		if job.Hash.Cost != cost {
			return nil, ErrCost
		}
		salts[i], passwords[i] = job.Hash.Salt, job.Password
	}
	digests, err := e.Sum(cost, salts, passwords)
	if err != nil {
		return nil, err
	}
	right := make([]bool, len(jobs))
	for i, job := range jobs {
		right[i] = subtle.ConstantTimeCompare(digests[i][:], job.Hash.Digest[:]) == 1
	}
	return right, nil
}

// Sum returns the digests of one to Width passwords, each with the salt at its index. Errors
// are those of Verify; ErrBatch also when there are not as many salts as passwords.
func (e *Engine) Sum(cost int, salts []Salt, passwords [][]byte) ([]Digest, error) {
	n := len(passwords)
	if n == 0 || n > Width || len(salts) != n {
		return nil, ErrBatch
	}
	if cost < MinCost || cost > MaxCost {
		return nil, ErrCost
	}
	for _, password := range passwords {
		if len(password) > MaxPassword {
			return nil, ErrPasswordTooLong
		}
	}
	var (
		q         = new(state)
		key, salt [Width]schedule
	)
	for k := range n {
		key[k], salt[k] = passwordSchedule(passwords[k]), repeat(salts[k][:])
		q[k].start(&e.pi, &key[k], &salt[k])
	}
	for range uint64(1) << cost {
		q.expand(n, &key)
		q.expand(n, &salt)
	}
	digests := make([]Digest, n)
	for k := range n {
		digests[k] = q[k].finish()
	}
	// What passwords can be found from does not stay behind in freed memory.
	clear(q[:])
	clear(key[:])
	return digests, nil
}
