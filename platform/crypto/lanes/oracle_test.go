package lanes_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/authy2/backend/platform/crypto/lanes"
)

var encoding = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").
	WithPadding(base64.NoPadding)

// encode writes a hash the way the oracle reads it.
func encode(minor byte, cost int, salt lanes.Salt, digest lanes.Digest) string {
	return fmt.Sprintf("$2%c$%02d$%s%s", minor, cost, encoding.EncodeToString(salt[:]), encoding.EncodeToString(digest[:]))
}

// stream returns n bytes that differ for every seed, some of them NUL or above 127.
func stream(seed, n int) []byte {
	x := uint32(seed)*2654435761 + 12345
	b := make([]byte, n)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// agree hashes the passwords in one batch and lets the oracle judge each digest.
func agree(t *testing.T, e *lanes.Engine, cost int, salts []lanes.Salt, passwords [][]byte) {
	t.Helper()
	digests, err := e.Sum(cost, salts, passwords)
	if err != nil {
		t.Fatalf("Sum of %d at cost %d: %v", len(passwords), cost, err)
	}
	for i, digest := range digests {
		hash := encode("aby"[(cost+i)%3], cost, salts[i], digest)
		if err := bcrypt.CompareHashAndPassword([]byte(hash), passwords[i]); err != nil {
			t.Errorf("lane %d of %d: %s is not the oracle's hash of %q: %v", i+1, len(digests), hash, passwords[i], err)
		}
	}
}

func TestSumAgreesWithOracle(t *testing.T) {
	t.Parallel()
	e := lanes.New()
	t.Run("every length", func(t *testing.T) {
		t.Parallel()
		for length := 0; length <= lanes.MaxPassword; {
			n := min(1+length%lanes.Width, lanes.MaxPassword+1-length)
			salts, passwords := make([]lanes.Salt, n), make([][]byte, n)
			for i := range n {
				salts[i] = lanes.Salt(stream(1000+length, 16))
				passwords[i] = stream(length, length)
				length++
			}
			agree(t, e, 4, salts, passwords)
		}
	})
	for _, c := range []struct{ cost, widths int }{{5, 4}, {6, 4}, {7, 4}, {8, 2}, {10, 1}} {
		t.Run(fmt.Sprintf("cost %d", c.cost), func(t *testing.T) {
			t.Parallel()
			for n := lanes.Width; n > lanes.Width-c.widths; n-- {
				salts, passwords := make([]lanes.Salt, n), make([][]byte, n)
				for i := range n {
					salts[i] = lanes.Salt(stream(100*c.cost+10*n+i, 16))
					passwords[i] = stream(c.cost+n+i, (17*c.cost+11*n+5*i)%(lanes.MaxPassword+1))
				}
				agree(t, e, c.cost, salts, passwords)
			}
		})
	}
	t.Run("difficult passwords", func(t *testing.T) {
		t.Parallel()
		zeros := make([]byte, lanes.MaxPassword)
		ones := make([]byte, lanes.MaxPassword)
		for i := range ones {
			ones[i] = 0xff
		}
		salts := []lanes.Salt{{}, lanes.Salt(ones), {}, lanes.Salt(ones)}
		agree(t, e, 4, salts, [][]byte{zeros, zeros, ones, ones})
		agree(t, e, 4, salts, [][]byte{nil, {0}, {0, 0}, {0xff}})
		agree(t, e, 4, salts, [][]byte{[]byte("a\x00b"), []byte("a\x00"), []byte("a"), []byte("\x00a")})
		agree(t, e, 4, salts, [][]byte{[]byte("пароль"), []byte("Ünïcödé"), []byte("密码"), []byte("\U0001f511")})
		agree(t, e, 4, salts, [][]byte{zeros[:71], ones[:71], []byte("same"), []byte("same")})
	})
}

// TestDigestsOfMixedCosts puts hashes of every cost up to the batch's into every lane.
func TestDigestsOfMixedCosts(t *testing.T) {
	t.Parallel()
	e := lanes.New()
	for most := lanes.MinCost; most <= 8; most++ {
		for n := 1; n <= lanes.Width; n++ {
			jobs := make([]lanes.Job, n)
			for k := range jobs {
				cost := lanes.MinCost + (most+n+3*k)%(most-lanes.MinCost+1)
				jobs[k] = lanes.Job{
					Hash:     lanes.Parsed{Cost: cost, Salt: lanes.Salt(stream(100*most+10*n+k, 16))},
					Password: stream(most+n+k, (17*most+11*n+5*k)%(lanes.MaxPassword+1)),
				}
			}
			digests, err := e.Digests(most, jobs)
			if err != nil {
				t.Fatalf("Digests(%d) of %d: %v", most, n, err)
			}
			for k, job := range jobs {
				job.Hash.Digest = digests[k]
				if err := bcrypt.CompareHashAndPassword([]byte(job.Hash.String()), job.Password); err != nil {
					t.Errorf("lane %d of %d, cost %d up to %d: %s: %v", k+1, n, job.Hash.Cost, most, job.Hash, err)
				}
			}
		}
	}
}

func TestVerifyKnowsOraclesHashes(t *testing.T) {
	t.Parallel()
	e := lanes.New()
	for _, c := range []struct{ cost, n int }{{4, 1}, {4, 2}, {5, 3}, {6, 4}, {8, 4}, {12, 1}} {
		t.Run(fmt.Sprintf("cost %d, %d lanes", c.cost, c.n), func(t *testing.T) {
			t.Parallel()
			jobs := make([]lanes.Job, c.n)
			for i := range jobs {
				password := stream(c.cost+i, 8+20*i)
				hash, err := bcrypt.GenerateFromPassword(password, c.cost)
				if err != nil {
					t.Fatal(err)
				}
				hash[2] = "aby"[i%3]
				jobs[i] = lanes.Job{Hash: parse(t, string(hash)), Password: password}
			}
			right, err := e.Verify(jobs)
			if err != nil {
				t.Fatal(err)
			}
			for i, ok := range right {
				if !ok {
					t.Errorf("lane %d refused the right password", i+1)
				}
			}
		})
	}
}

func parse(t testing.TB, hash string) lanes.Parsed {
	t.Helper()
	p, err := lanes.Parse(hash)
	if err != nil {
		t.Fatalf("Parse(%q): %v", hash, err)
	}
	return p
}
