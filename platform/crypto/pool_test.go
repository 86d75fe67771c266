package crypto_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/secret"
)

// A storm is refused at once beyond what can be served in time, everybody gets an answer,
// and nobody who was admitted waits for over five seconds.
func TestStorm(t *testing.T) {
	t.Parallel()
	p, reg := start(t, 11, nil, io.Discard)
	eventually(t, "the engine is used", p.Lanes)
	var served, refused atomic.Int32
	var slowest, slowestRefusal atomic.Int64
	var all sync.WaitGroup
	for range 500 {
		all.Go(func() {
			begun := time.Now()
			_, err := p.Hash(t.Context(), secret.New("one password"))
			took := int64(time.Since(begun))
			switch {
			case err == nil:
				served.Add(1)
				for old := slowest.Load(); took > old && !slowest.CompareAndSwap(old, took); old = slowest.Load() {
				}
			case errors.Is(err, apperr.ErrUnavailable):
				if refused.Add(1); apperr.From(err).RetryAfter() < time.Second {
					t.Error("refused without a time to retry")
				}
				if took > slowestRefusal.Load() {
					slowestRefusal.Store(took)
				}
			default:
				t.Errorf("Hash: %v", err)
			}
		})
	}
	all.Wait()
	t.Logf("served %d in at most %v, refused %d in at most %v", served.Load(), time.Duration(slowest.Load()), refused.Load(), time.Duration(slowestRefusal.Load()))
	if served.Load() == 0 || refused.Load() == 0 {
		t.Errorf("served %d, refused %d; want some of both", served.Load(), refused.Load())
	}
	if err := p.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	for _, want := range []string{"password_queue_depth", "password_hash_duration_seconds", "password_rejected_total"} {
		if !slices.Contains(names, want) {
			t.Errorf("metric %s is missing from %s", want, strings.Join(names, " "))
		}
	}
}

// Jobs whose callers have left cost nothing: a queue full of them is passed in no time.
func TestDropsJobsOfCallersWhoLeft(t *testing.T) {
	t.Parallel()
	p := pool(t, 11, 1)
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := p.Hash(ctx, secret.New("one password")); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("Hash: %v", err)
			}
		})
	}
	leave()
	all.Wait()
	if _, err := p.Hash(ctx, secret.New("one password")); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left is served: %v", err)
	}
	if _, err := p.Hash(t.Context(), secret.New("one password")); err != nil {
		t.Errorf("nobody is served after they left: %v", err)
	}
}

func TestHashIfIdle(t *testing.T) {
	t.Parallel()
	p, g, all, _ := queued(t)
	if _, err := p.HashIfIdle(t.Context(), secret.New("one password")); !errors.Is(err, apperr.ErrUnavailable) {
		t.Errorf("a busy pool: %v; want refused", err)
	}
	g.shut.Store(false)
	g.open <- struct{}{}
	all.Wait()
	if _, err := p.HashIfIdle(t.Context(), secret.New("one password")); err != nil {
		t.Errorf("an idle pool: %v", err)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	p := pool(t, 11, 1)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if _, err := p.Hash(t.Context(), secret.New("one password")); err != nil && !errors.Is(err, apperr.ErrUnavailable) {
				t.Errorf("Hash: %v", err)
			}
		})
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if _, err := p.Hash(t.Context(), secret.New("one password")); !errors.Is(err, apperr.ErrUnavailable) {
		t.Errorf("a stopped pool serves: %v", err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Errorf("stopping twice: %v", err)
	}
	if err := p.Start(t.Context()); err == nil {
		t.Error("started twice")
	}
	fresh := crypto.NewPasswords(4, 1, clock.System{}, slog.Default(), nil)
	if _, err := fresh.Hash(t.Context(), secret.New("x")); !errors.Is(err, apperr.ErrUnavailable) {
		t.Errorf("a pool that was not started serves: %v", err)
	}
	if err := crypto.NewPasswords(3, 1, clock.System{}, slog.Default(), nil).Start(t.Context()); err == nil {
		t.Error("cost 3 was accepted")
	}
}

// The time says nothing about the hash: no account, an unreadable hash, a cheaper hash and
// one of the configured cost take as long.
func TestVerifyTakesTheConfiguredTime(t *testing.T) {
	t.Parallel()
	for name, engine := range map[string]crypto.Engine{"lanes": nil, "self-test fails": new(broken)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cheap := pool(t, 4, 1)
			p, _ := start(t, 6, engine, io.Discard)
			if engine == nil {
				eventually(t, "the engine is used", p.Lanes)
			}
			kinds := []string{"", "unreadable", hash(t, cheap, "one password"), hash(t, p, "one password")}
			// More rounds make the least times truer on a busy machine, never a real difference
			// smaller.
			least := slices.Repeat([]time.Duration{time.Hour}, len(kinds))
			noisy := func(d time.Duration) bool {
				ratio := float64(d) / float64(least[3])
				return ratio < 0.93 || ratio > 1.07
			}
			for round := 0; round < 20 || round < 2000 && slices.ContainsFunc(least, noisy); round++ {
				for i, h := range kinds {
					begun := time.Now()
					if _, _, err := p.Verify(t.Context(), h, secret.New("wrong password")); err != nil {
						t.Fatal(err)
					}
					least[i] = min(least[i], time.Since(begun))
				}
			}
			t.Logf("least times: %v", least)
			if slices.ContainsFunc(least, noisy) {
				t.Errorf("least times %v differ by more than noise", least)
			}
		})
	}
}
