package lanes_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/authy2/backend/platform/crypto/lanes"
)

// vector is published: crypt_blowfish's hash of "U*U".
const vector = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"

// A process that is stopped does not wait for its self-test.
func TestSelfTestIsInterrupted(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	close(done)
	if err := lanes.New().SelfTest(done); !errors.Is(err, lanes.ErrInterrupted) {
		t.Errorf("SelfTest() of a process that is stopped = %v", err)
	}
}

func TestSelfTest(t *testing.T) {
	t.Parallel()
	if err := lanes.New().SelfTest(nil); err != nil {
		t.Errorf("SelfTest() = %v", err)
	}
	if err := new(lanes.Engine).SelfTest(nil); !errors.Is(err, lanes.ErrSelfTest) {
		t.Errorf("SelfTest() of an engine without the digits of pi = %v, want ErrSelfTest", err)
	}
}

// TestVerifyKeepsLanesApart gives every set of lanes the right password and the others a
// wrong one, in batches of every width.
func TestVerifyKeepsLanesApart(t *testing.T) {
	t.Parallel()
	e := lanes.New()
	hash := parse(t, vector)
	for n := 1; n <= lanes.Width; n++ {
		for set := range 1 << n {
			jobs := make([]lanes.Job, n)
			for k := range jobs {
				jobs[k] = lanes.Job{Hash: hash, Password: []byte("U*V")}
				if set>>k&1 == 1 {
					jobs[k].Password = []byte("U*U")
				}
			}
			right, err := e.Verify(jobs)
			if err != nil || len(right) != n {
				t.Fatalf("Verify of %d jobs = %v, %v", n, right, err)
			}
			for k, ok := range right {
				if ok != (set>>k&1 == 1) {
					t.Errorf("lane %d of %d, right ones %04b: got %v", k+1, n, set, ok)
				}
			}
		}
	}
}

func TestVerifyComparesWholeDigest(t *testing.T) {
	t.Parallel()
	e := lanes.New()
	for i := range len(lanes.Digest{}) {
		hash := parse(t, vector)
		hash.Digest[i] ^= 1
		right, err := e.Verify([]lanes.Job{{Hash: hash, Password: []byte("U*U")}})
		if err != nil || right[0] {
			t.Errorf("digest with byte %d changed: Verify = %v, %v", i, right, err)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	good := lanes.Job{Hash: parse(t, vector), Password: []byte("U*U")}
	cost := func(cost int) lanes.Job {
		job := good
		job.Hash.Cost = cost
		return job
	}
	long := lanes.Job{Hash: good.Hash, Password: make([]byte, lanes.MaxPassword+1)}
	for _, c := range []struct {
		name string
		jobs []lanes.Job
		want error
	}{
		{"nothing", nil, lanes.ErrBatch},
		{"five", []lanes.Job{good, good, good, good, good}, lanes.ErrBatch},
		{"two costs", []lanes.Job{good, cost(4)}, lanes.ErrCost},
		{"another cost last", []lanes.Job{good, good, good, cost(6)}, lanes.ErrCost},
		{"no hash", []lanes.Job{{Password: []byte("x")}}, lanes.ErrCost},
		{"cost below", []lanes.Job{cost(3)}, lanes.ErrCost},
		{"cost above", []lanes.Job{cost(32)}, lanes.ErrCost},
		{"negative cost", []lanes.Job{cost(-1)}, lanes.ErrCost},
		{"73 bytes", []lanes.Job{long}, lanes.ErrPasswordTooLong},
		{"73 bytes last", []lanes.Job{good, good, good, long}, lanes.ErrPasswordTooLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			right, err := lanes.New().Verify(c.jobs)
			if !errors.Is(err, c.want) || right != nil {
				t.Errorf("Verify = %v, %v, want %v", right, err, c.want)
			}
		})
	}
}

func TestDigestsRefuses(t *testing.T) {
	t.Parallel()
	job := lanes.Job{Hash: parse(t, vector), Password: []byte("U*U")} // of cost 5
	for _, c := range []struct {
		cost int
		jobs []lanes.Job
		want error
	}{
		{5, nil, lanes.ErrBatch},
		{5, []lanes.Job{job, job, job, job, job}, lanes.ErrBatch},
		{4, []lanes.Job{job}, lanes.ErrCost},
		{-1, []lanes.Job{job}, lanes.ErrCost},
		{32, []lanes.Job{job}, lanes.ErrCost},
		{5, []lanes.Job{job, {Password: []byte("x")}}, lanes.ErrCost},
		{5, []lanes.Job{{Hash: job.Hash, Password: make([]byte, lanes.MaxPassword+1)}}, lanes.ErrPasswordTooLong},
	} {
		if digests, err := lanes.New().Digests(c.cost, c.jobs); !errors.Is(err, c.want) || digests != nil {
			t.Errorf("Digests(%d) of %d = %v, %v, want %v", c.cost, len(c.jobs), digests, err, c.want)
		}
	}
}

func TestSumRefusesUnevenBatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ salts, passwords int }{{0, 0}, {1, 2}, {2, 1}, {5, 5}, {0, 1}} {
		digests, err := lanes.New().Sum(4, make([]lanes.Salt, c.salts), make([][]byte, c.passwords))
		if !errors.Is(err, lanes.ErrBatch) || digests != nil {
			t.Errorf("Sum of %d salts and %d passwords = %v, %v", c.salts, c.passwords, digests, err)
		}
	}
}

// TestSumLeavesInputAlone covers the spare capacity behind a password too, where a NUL would
// land if it were appended.
func TestSumLeavesInputAlone(t *testing.T) {
	t.Parallel()
	buffer := []byte("password, and what follows it in memory")
	before := bytes.Clone(buffer)
	if _, err := lanes.New().Sum(4, make([]lanes.Salt, 1), [][]byte{buffer[:8]}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(buffer, before) {
		t.Errorf("input became %q", buffer)
	}
}

func TestEngineIsShared(t *testing.T) {
	t.Parallel()
	e := lanes.New()
	hash := parse(t, vector)
	failed := make(chan string, 8)
	var wg sync.WaitGroup
	for g := range cap(failed) {
		wg.Go(func() {
			n := 1 + g%lanes.Width
			jobs := make([]lanes.Job, n)
			for k := range jobs {
				jobs[k] = lanes.Job{Hash: hash, Password: []byte("U*U")}
			}
			jobs[n-1].Password = []byte("U*V")
			right, err := e.Verify(jobs)
			if err != nil || right[n-1] || (n > 1 && !right[0]) {
				failed <- fmt.Sprintf("batch of %d: %v, %v", n, right, err)
			}
		})
	}
	wg.Wait()
	close(failed)
	for message := range failed {
		t.Error(message)
	}
}
