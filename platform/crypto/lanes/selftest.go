package lanes

import (
	"errors"
	"fmt"
)

// ErrSelfTest is returned by SelfTest when the engine computes anything but bcrypt.
var ErrSelfTest = errors.New("lanes: self-test failed")

// ErrInterrupted is returned by SelfTest when nobody waits for its end any more.
var ErrInterrupted = errors.New("lanes: self-test interrupted")

// SelfTest hashes known passwords in batches of every width and with a wrong one in every
// lane, which takes some tens of milliseconds. Whoever starts an engine calls it and uses
// golang.org/x/crypto/bcrypt in its place when it fails. It ends early with
// [ErrInterrupted] once done is closed; nil never is.
func (e *Engine) SelfTest(done <-chan struct{}) error {
	// From the tests of crypt_blowfish 1.3 (Solar Designer, public domain), the
	// implementation that the others are measured by. Among them: the empty password, one
	// that fills a word with its NUL, bytes above 127 (which "$2x$" got wrong), 72 bytes.
	vectors := []struct{ hash, password string }{
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", ""},
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		{"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
		{"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"},
		{"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
		{"$2b$05$/OK.fbVrR/bpIqNJ5ianF.nRht2l/HRhr6zmCp9vYUvvsqynflf9e", "\xff\xa3345"},
		{
			"$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
			"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
		},
	}
	next := 0
	for n := 1; n <= Width; n++ {
		for wrong := range n + 1 { // wrong == n: none is
			select {
			case <-done:
				return ErrInterrupted
			default:
			}
			jobs := make([]Job, n)
			for k := range jobs {
				v := vectors[next%len(vectors)]
				next++
				hash, err := Parse(v.hash)
				if err != nil {
					return fmt.Errorf("%w: %w", ErrSelfTest, err)
				}
				jobs[k] = Job{Hash: hash, Password: []byte(v.password)}
				if k == wrong {
					jobs[k].Password = append(jobs[k].Password[:len(v.password)/2], '!')
				}
			}
			cost := jobs[0].Hash.Cost
			if wrong == n {
				cost++ // and the digests are taken on the way
			}
			digests, err := e.Digests(cost, jobs)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrSelfTest, err)
			}
			for k, job := range jobs {
				if job.Hash.Matches(digests[k]) != (k != wrong) {
					return fmt.Errorf("%w: lane %d of %d", ErrSelfTest, k+1, n)
				}
			}
		}
	}
	return nil
}
