package lanes_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/authy2/backend/platform/crypto/lanes"
)

// FuzzAgainstOracle hashes one to four passwords at costs 4 to 6 and lets the oracle judge
// the digests; then it verifies guesses of one of them, where both must agree.
func FuzzAgainstOracle(f *testing.F) {
	f.Add(byte(0), []byte("salt"), []byte("UserPass123!"), []byte(""), []byte("\x00"), []byte("\xff\xa3"), []byte("guess"))
	f.Add(byte(9), []byte{}, bytes.Repeat([]byte("x"), 72), bytes.Repeat([]byte("y"), 71), []byte("a\x00b"), []byte("пароль"), []byte("a"))
	f.Add(byte(10), bytes.Repeat([]byte{255}, 64), []byte("a"), []byte("aa\x00"), []byte("aaa"), bytes.Repeat([]byte("z"), 73), []byte("aa"))
	e := lanes.New()
	f.Fuzz(func(t *testing.T, shape byte, salt, p0, p1, p2, p3, guess []byte) {
		n, cost := 1+int(shape%lanes.Width), lanes.MinCost+int(shape/lanes.Width%3)
		passwords := [][]byte{p0, p1, p2, p3}[:n]
		salts := make([]lanes.Salt, n)
		for i := range salts {
			salts[i] = lanes.Salt{15: byte(i)}
			copy(salts[i][:], salt[min(16*i, len(salt)):])
		}
		for _, p := range passwords {
			if len(p) > lanes.MaxPassword {
				if _, err := e.Sum(cost, salts, passwords); !errors.Is(err, lanes.ErrPasswordTooLong) {
					t.Fatalf("a password of %d bytes: %v", len(p), err)
				}
				return
			}
		}
		agree(t, e, cost, salts, passwords)

		guess = guess[:min(len(guess), lanes.MaxPassword)]
		hash, err := bcrypt.GenerateFromPassword(p0, lanes.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		jobs := make([]lanes.Job, n)
		for i := range jobs {
			jobs[i] = lanes.Job{Hash: parse(t, string(hash)), Password: p0}
		}
		jobs[n-1].Password = guess
		right, err := e.Verify(jobs)
		if err != nil {
			t.Fatal(err)
		}
		for i, job := range jobs {
			if want := bcrypt.CompareHashAndPassword(hash, job.Password) == nil; right[i] != want {
				t.Errorf("lane %d of %d, %q against the hash of %q: %v, the oracle says %v", i+1, n, job.Password, p0, right[i], want)
			}
		}
	})
}

// FuzzParse finds no text that Parse accepts and the oracle reads otherwise.
func FuzzParse(f *testing.F) {
	f.Add(vector)
	f.Add(strings.Replace(vector, "2a", "2y", 1))
	f.Add(vector[:59] + "\n")
	f.Add("$2$05$" + vector[7:])
	f.Fuzz(func(t *testing.T, hash string) {
		p, err := lanes.Parse(hash)
		if err != nil {
			return
		}
		cost, err := bcrypt.Cost([]byte(hash))
		if err != nil || cost != p.Cost {
			t.Errorf("%q has cost %d, the oracle says %d, %v", hash, p.Cost, cost, err)
		}
		again := encode(hash[2], p.Cost, p.Salt, p.Digest)
		if again[:28] != hash[:28] || again[29:] != hash[29:] {
			t.Errorf("%q was read as %q", hash, again)
		}
	})
}
