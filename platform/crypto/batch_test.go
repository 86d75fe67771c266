package crypto_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/crypto/bcrypt"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/crypto/lanes"
	"github.com/authy2/backend/platform/secret"
)

// start starts a pool of one worker with the engine, or with its own when that is nil.
func start(t testing.TB, cost int, e crypto.Engine, log io.Writer) (*crypto.Passwords, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	p := crypto.NewPasswords(cost, 1, clock.System{}, slog.New(slog.NewTextHandler(log, nil)), reg)
	if e != nil {
		p.Use(e)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p, reg
}

// eventually polls for a condition. Any goroutine may call it.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Errorf("never: %s", what)
			return
		}
	}
}

// insist tries again while there is too much to do, as on a busy machine with the race
// detector.
func insist(t testing.TB, work func() error) error {
	t.Helper()
	var err error
	eventually(t, "served", func() bool {
		err = work()
		return !errors.Is(err, apperr.ErrUnavailable)
	})
	return err
}

// metric returns the sum of a counter or gauge over the series with the label value, "" for
// all of them.
func metric(t testing.TB, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label == "" || len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// broken computes bcrypt wrong, and says so only in its self-test.
type broken struct{ used atomic.Bool }

func (b *broken) SelfTest(<-chan struct{}) error { return lanes.ErrSelfTest }

func (b *broken) Digests(_ int, jobs []lanes.Job) ([]lanes.Digest, error) {
	b.used.Store(true)
	return make([]lanes.Digest, len(jobs)), nil
}

// refusing refuses every batch but those of which the pool learns how fast it is.
type refusing struct {
	*lanes.Engine
	learned atomic.Int32
}

func (r *refusing) Digests(cost int, jobs []lanes.Job) ([]lanes.Digest, error) {
	if r.learned.Add(1) > 2*lanes.Width {
		return nil, lanes.ErrCost
	}
	return r.Engine.Digests(cost, jobs)
}

// The pool's answers are golang.org/x/crypto/bcrypt's, whatever computes them: for hashes of
// several costs and forms, passwords of every length with bytes of every value, right and
// wrong, by many callers at once. So are the hashes it makes.
func TestAgreesWithOracle(t *testing.T) {
	t.Parallel()
	for name, engine := range map[string]crypto.Engine{"lanes": nil, "self-test fails": new(broken), "refuses": &refusing{Engine: lanes.New()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const cost, callers, each = 5, 16, 8
			p, reg := start(t, cost, engine, io.Discard)
			failing := name == "self-test fails"
			if !failing {
				eventually(t, "the engine is used", p.Lanes)
			}
			var all sync.WaitGroup
			for caller := range callers {
				all.Go(func() {
					random := rand.New(rand.NewPCG(uint64(caller), 7))
					for range each {
						if random.IntN(4) == 0 {
							checkHash(t, p, random)
						} else {
							checkVerify(t, p, random)
						}
					}
				})
			}
			all.Wait()
			active := metric(t, reg, "password_lanes_active", "")
			failures := metric(t, reg, "password_lanes_failures_total", "")
			wide := metric(t, reg, "password_batches_total", "4")
			t.Logf("lanes active %v, failures %v, batches %v of which %v of four", active, failures, metric(t, reg, "password_batches_total", ""), wide)
			switch {
			case failing && (active != 0 || failures != 1 || wide != 0):
				t.Error("lanes were used, or their failure was not counted")
			case name == "refuses" && (failures == 0 || wide != 0):
				t.Error("refused batches were not counted")
			case name == "lanes" && (active != 1 || failures != 0 || wide == 0):
				t.Error("lanes were not used by four")
			}
		})
	}
}

// randomPassword returns text with unnormalized spellings, or bytes.
func randomPassword(random *rand.Rand, most int) string {
	b := make([]byte, random.IntN(most+1))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	if random.IntN(2) == 0 {
		for i := range b {
			b[i] = 'a' + b[i]%26
		}
		return strings.ReplaceAll(string(b), "q", "o\u0308")[:len(b)]
	}
	return string(b)
}

func checkVerify(t *testing.T, p *crypto.Passwords, random *rand.Rand) {
	password := randomPassword(random, 72)
	h, err := bcrypt.GenerateFromPassword([]byte(password), 4+random.IntN(3))
	if err != nil {
		t.Error(err)
		return
	}
	h[2] = "aby"[random.IntN(3)]
	tried := []byte(password)
	if len(tried) > 0 && random.IntN(2) == 0 {
		tried[random.IntN(len(tried))] ^= 1 << random.IntN(8)
	}
	normal := crypto.Normalize(string(tried))
	want := len(normal) <= 72 && bcrypt.CompareHashAndPassword(h, []byte(normal)) == nil
	if h[2] != 'a' { // of another program, which may have hashed the bytes as they came, or a part
		want = bcrypt.CompareHashAndPassword(h, []byte(normal)[:min(len(normal), 72)]) == nil ||
			bcrypt.CompareHashAndPassword(h, tried) == nil
	}
	var ok bool
	err = insist(t, func() (err error) {
		ok, _, err = p.Verify(t.Context(), string(h), secret.New(string(tried)))
		return err
	})
	if err != nil || ok != want {
		t.Errorf("Verify(%s, %q) = %v, %v; the oracle says %v", h, tried, ok, err, want)
	}
}

func checkHash(t *testing.T, p *crypto.Passwords, random *rand.Rand) {
	password := randomPassword(random, 100)
	var h string
	var ok, rehash bool
	err := insist(t, func() (err error) {
		h, err = p.Hash(t.Context(), secret.New(password))
		return err
	})
	if err != nil {
		t.Error(err)
		return
	}
	if normal := crypto.Normalize(password); len(normal) <= 72 {
		if err := bcrypt.CompareHashAndPassword([]byte(h), []byte(normal)); err != nil {
			t.Errorf("Hash(%q) = %s: %v", normal, h, err)
		}
		if bcrypt.CompareHashAndPassword([]byte(h), []byte(normal[:len(normal)/2]+"!")) == nil {
			t.Errorf("Hash(%q) = %s, which others have too", normal, h)
		}
	}
	err = insist(t, func() (err error) {
		ok, rehash, err = p.Verify(t.Context(), h, secret.New(password))
		return err
	})
	if !ok || rehash || err != nil {
		t.Errorf("Verify of the pool's own hash of %q = %v, %v, %v", password, ok, rehash, err)
	}
}

func TestFailedSelfTestIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	e := new(broken)
	p, reg := start(t, 4, e, &log)
	eventually(t, "the failure is counted", func() bool { return metric(t, reg, "password_lanes_failures_total", "") == 1 })
	h := hash(t, p, "one password")
	if ok, _, err := p.Verify(t.Context(), h, secret.New("one password")); !ok || err != nil {
		t.Errorf("Verify = %v, %v", ok, err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e.used.Load() || p.Lanes() {
		t.Error("an engine that failed its self-test was used")
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "self-test") {
		t.Errorf("logged: %s", log.String())
	}
}

// gate is the real engine, which lets batches in one by one once it is shut, and notes what
// they are.
type gate struct {
	*lanes.Engine
	shut    atomic.Bool
	entered chan struct{}
	open    chan struct{}
	batches []string
}

func newGate() *gate {
	return &gate{Engine: lanes.New(), entered: make(chan struct{}), open: make(chan struct{})}
}

func (g *gate) Digests(cost int, jobs []lanes.Job) ([]lanes.Digest, error) {
	if g.shut.Load() {
		who := fmt.Sprintf("%d:", cost)
		for _, j := range jobs {
			who += " " + string(j.Password)
		}
		g.batches = append(g.batches, who)
		g.entered <- struct{}{}
		<-g.open
	}
	return g.Engine.Digests(cost, jobs)
}

// queued starts a pool of cost 5 whose worker is held at a first batch, while the returned
// function puts jobs into the queue, one after the other.
func queued(t *testing.T) (p *crypto.Passwords, g *gate, all *sync.WaitGroup, enqueue func(job func())) {
	t.Helper()
	g, all = newGate(), new(sync.WaitGroup)
	p, _ = start(t, 5, g, io.Discard)
	eventually(t, "the engine is used", p.Lanes)
	g.shut.Store(true)
	all.Go(func() { _, _, _ = p.Verify(t.Context(), "", secret.New("first")) })
	<-g.entered
	return p, g, all, func(job func()) {
		depth := p.Depth()
		all.Go(job)
		eventually(t, "the job is in the queue", func() bool { return p.Depth() == depth+1 })
	}
}

// A batch is the oldest job with the next ones of the same cost, whatever they are: new
// hashes, cheaper hashes, no hash at all, and passwords of two spellings. Nobody waits for a
// batch to be full, and the oldest job of another cost comes next.
func TestBatches(t *testing.T) {
	t.Parallel()
	cheap, dear := pool(t, 4, 1), pool(t, 6, 1)
	p, g, all, enqueue := queued(t)
	verify := func(hash, password string, want bool) {
		enqueue(func() {
			if ok, _, err := p.Verify(t.Context(), hash, secret.New(password)); ok != want || err != nil {
				t.Errorf("Verify of %s = %v, %v; want %v", password, ok, err, want)
			}
		})
	}
	verify("", "a", false)
	verify(hash(t, dear, "b"), "b", true)
	verify(hash(t, cheap, "c"), "c", true)
	verify("unreadable", "d", false)
	verify(hash(t, dear, "e"), "f", false)
	enqueue(func() {
		h, err := p.Hash(t.Context(), secret.New("g"))
		if err != nil || bcrypt.CompareHashAndPassword([]byte(h), []byte("g")) != nil {
			t.Errorf("Hash = %s, %v", h, err)
		}
	})
	verify(hash(t, cheap, "h"), "i", false)
	verify("", "o\u0308", false)
	for range 3 {
		g.open <- struct{}{}
		<-g.entered
	}
	g.open <- struct{}{}
	all.Wait()
	want := []string{"5: first", "5: a c d g", "6: b f", "5: i \u00f6 o\u0308"}
	if !reflect.DeepEqual(g.batches, want) {
		t.Errorf("batches %q, want %q", g.batches, want)
	}
}

// Nothing is computed for callers who left while they waited.
func TestBatchesWithoutThoseWhoLeft(t *testing.T) {
	t.Parallel()
	p, g, all, enqueue := queued(t)
	ctx, leave := context.WithCancel(t.Context())
	for i := range 6 {
		ctx, want := ctx, error(nil)
		if i%2 == 0 {
			want = context.Canceled
		} else {
			ctx = t.Context()
		}
		enqueue(func() {
			if _, _, err := p.Verify(ctx, "", secret.New(fmt.Sprint(i))); !errors.Is(err, want) {
				t.Errorf("job %d: %v, want %v", i, err, want)
			}
		})
	}
	leave()
	g.open <- struct{}{}
	<-g.entered
	g.open <- struct{}{}
	all.Wait()
	if want := []string{"5: first", "5: 1 3 5"}; !reflect.DeepEqual(g.batches, want) {
		t.Errorf("batches %q, want %q", g.batches, want)
	}
}
