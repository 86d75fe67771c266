package lanes

import "errors"

// Width is how many passwords are hashed at once at most. Four lanes are 17 KiB of state,
// which fits any first-level cache, and as many halves as amd64 has registers for.
const Width = 4

var (
	// ErrBatch is returned for a batch of no jobs or of more than Width.
	ErrBatch = errors.New("lanes: a batch is one to four jobs")
	// ErrCost is returned for jobs to be verified that differ in cost, for a job dearer than
	// the batch, and for a cost below MinCost or above MaxCost.
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
	for _, job := range jobs {
		if job.Hash.Cost != cost {
			return nil, ErrCost
		}
	}
	digests, err := e.Digests(cost, jobs)
	if err != nil {
		return nil, err
	}
	right := make([]bool, len(jobs))
	for i, job := range jobs {
		right[i] = job.Hash.Matches(digests[i])
	}
	return right, nil
}

// Sum returns the digests of one to Width passwords, each with the salt at its index. Errors
// are those of Verify; ErrBatch also when there are not as many salts as passwords.
func (e *Engine) Sum(cost int, salts []Salt, passwords [][]byte) ([]Digest, error) {
	if len(salts) != len(passwords) {
		return nil, ErrBatch
	}
	jobs := make([]Job, len(salts))
	for i := range jobs {
		jobs[i] = Job{Hash: Parsed{Cost: cost, Salt: salts[i]}, Password: passwords[i]}
	}
	return e.Digests(cost, jobs)
}

// Digests returns the digest of the password of each of one to Width jobs, with the job's own
// cost and salt, and compares nothing. No job's cost may exceed cost, and all of them are
// worked on until 2^cost rounds are done: the digest of a cheaper one is taken on the way.
// So cheap and dear hashes share a batch, and its time does not tell them apart. Errors are
// those of Verify.
func (e *Engine) Digests(cost int, jobs []Job) ([]Digest, error) {
	n := len(jobs)
	if n == 0 || n > Width {
		return nil, ErrBatch
	}
	if cost > MaxCost {
		return nil, ErrCost
	}
	for _, job := range jobs {
		if job.Hash.Cost < MinCost || job.Hash.Cost > cost {
			return nil, ErrCost
		}
		if len(job.Password) > MaxPassword {
			return nil, ErrPasswordTooLong
		}
	}
	var (
		q         = new(state)
		key, salt [Width]schedule
		digests   = make([]Digest, n)
	)
	for k, job := range jobs {
		key[k], salt[k] = passwordSchedule(job.Password), repeat(job.Hash.Salt[:])
		q[k].start(&e.pi, &key[k], &salt[k])
	}
	for done := range cost + 1 {
		// 1 + 1 + 2 + 4 + … + 2^(done-1) is 2^done.
		for range uint64(1) << max(0, done-1) {
			q.expand(n, &key)
			q.expand(n, &salt)
		}
		for k, job := range jobs {
			if job.Hash.Cost == done {
				digests[k] = q[k].finish()
			}
		}
	}
	// What passwords can be found from does not stay behind in freed memory.
	clear(q[:])
	clear(key[:])
	return digests, nil
}
