package crypto_test

import (
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/crypto/lanes"
	"github.com/authy2/backend/platform/secret"
)

// machine takes the time that bcrypt would take, and computes nothing. It serves in bubbles
// of testing/synctest, whose time passes only while everybody waits.
type machine struct {
	round time.Duration // of one lane; each further one adds a twentieth
	mu    sync.Mutex
}

func (*machine) SelfTest(<-chan struct{}) error { return nil }

func (m *machine) Digests(cost int, jobs []lanes.Job) ([]lanes.Digest, error) {
	m.mu.Lock()
	took := m.round << cost
	m.mu.Unlock()
	<-time.After(took + took*time.Duration(len(jobs)-1)/20)
	return make([]lanes.Digest, len(jobs)), nil
}

func (m *machine) set(round time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.round = round
}

// outcome is what became of a storm of callers.
type outcome struct {
	served, refused         int
	slowest, slowestRefusal time.Duration
}

// storm lets n callers come at once and waits until all are answered.
func storm(t *testing.T, p *crypto.Passwords, n int) outcome {
	t.Helper()
	var mu sync.Mutex
	var o outcome
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			begun := time.Now()
			_, _, err := p.Verify(t.Context(), "", secret.New("one password"))
			took := time.Since(begun)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				o.served++
				o.slowest = max(o.slowest, took)
			case errors.Is(err, apperr.ErrUnavailable) && apperr.From(err).RetryAfter() >= time.Second:
				o.refused++
				o.slowestRefusal = max(o.slowestRefusal, took)
			default:
				t.Errorf("Verify: %v", err)
			}
		})
	}
	all.Wait()
	return o
}

const cost = 12

// Of 500 log-ins at once, those that can be served in time are, and the others are refused
// before any time has passed. Four at a time, that is over three times as many as one by one
// (TestAdmissionWithoutLanes).
func TestAdmission(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &machine{round: 56 * time.Microsecond} // 229 ms at cost 12
		p, _ := start(t, cost, m, io.Discard)
		eventually(t, "the engine is used", p.Lanes)
		o := storm(t, p, 500)
		t.Logf("%+v", o)
		// 264 ms a batch of four: the first one to four callers, who are at work, fourteen
		// batches more until the wait exceeds 4 s, and the caller with whom it does.
		if o.served < 58 || o.served > 61 || o.served+o.refused != 500 {
			t.Errorf("served %d, refused %d; want 58 to 61 and the others", o.served, o.refused)
		}
		if o.slowest > 5*time.Second || o.slowestRefusal > 0 {
			t.Errorf("served after %v, refused after %v", o.slowest, o.slowestRefusal)
		}
		if again := storm(t, p, 500); again.served < 58 || again.slowest > 5*time.Second {
			t.Errorf("the next storm: %+v", again)
		}
	})
}

// A machine that becomes three times slower breaks no promise: whoever was admitted is
// answered within five seconds, and soon only those are admitted who can be served.
func TestAdmissionOnASlowerMachine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &machine{round: 56 * time.Microsecond}
		p, _ := start(t, cost, m, io.Discard)
		eventually(t, "the engine is used", p.Lanes)
		m.set(3 * m.round)
		for i := range 4 {
			o := storm(t, p, 500)
			t.Logf("%+v", o)
			// A batch takes 0.8 s, and the one that was at work when the storm came is in it.
			if o.slowest > 5*time.Second || o.slowestRefusal > 5*time.Second {
				t.Errorf("served after %v, refused after %v", o.slowest, o.slowestRefusal)
			}
			if i > 1 && o.slowestRefusal > 0 {
				t.Errorf("storm %d: refused only after %v", i+1, o.slowestRefusal)
			}
		}
		m.set(m.round / 3)
		var served []int
		for range 8 {
			served = append(served, storm(t, p, 500).served)
		}
		t.Logf("served again: %v", served)
		if slices.Max(served) < 58 {
			t.Errorf("served %v after the machine became fast again; want 58 or more", served)
		}
	})
}

// Without the engine the pool admits what golang.org/x/crypto/bcrypt can do.
func TestAdmissionWithoutLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &machine{round: 56 * time.Microsecond}
		p, _ := start(t, cost, m, io.Discard)
		eventually(t, "the engine is used", p.Lanes)
		var all sync.WaitGroup
		count := func() (admitted int) {
			for {
				err := make(chan error, 1)
				depth := p.Depth()
				all.Go(func() {
					_, _, e := p.Verify(t.Context(), "", secret.New("one password"))
					err <- e
				})
				synctest.Wait()
				if p.Depth() == depth {
					if e := <-err; !errors.Is(e, apperr.ErrUnavailable) {
						t.Errorf("neither admitted nor refused: %v", e)
					}
					return admitted
				}
				admitted++
			}
		}
		all.Go(func() { _, _, _ = p.Verify(t.Context(), "", secret.New("one password")) })
		synctest.Wait() // the worker is at the first
		p.Drop(56 * time.Microsecond)
		// 229 ms each, and as long for the one at work: seventeen until the wait exceeds 4 s.
		if n := count(); n != 17 {
			t.Errorf("admitted %d, want 17", n)
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		all.Wait()
	})
}

// The queue ends somewhere, however fast the machine is.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &machine{round: time.Microsecond}
		p, _ := start(t, 4, m, io.Discard)
		eventually(t, "the engine is used", p.Lanes)
		o := storm(t, p, 5000)
		t.Logf("%+v", o)
		if o.served < 2048 || o.refused == 0 || o.slowestRefusal > 0 || o.served+o.refused != 5000 {
			t.Errorf("%+v; want 2048 and what was at work served, the others refused at once", o)
		}
	})
}
