package cache_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/cache/cachetest"
	"github.com/authy2/backend/platform/clock"
)

// hot is a session of the usual size.
func hot(now time.Time) cache.Value {
	return cache.Value{Idle: 15 * time.Minute, Cap: now.Add(8 * time.Hour), Deadline: now.Add(15 * time.Minute), Payload: make([]byte, 470)}
}

func BenchmarkTouchMemory(b *testing.B) {
	s := cache.NewMemorySliding(clock.System{})
	now := time.Now()
	keys := make([]string, 100_000)
	for i := range keys {
		keys[i] = "0123456789abcdef:" + strconv.Itoa(i)
		if err := s.Put(b.Context(), keys[i], hot(now)); err != nil {
			b.Fatal(err)
		}
	}
	ctx := b.Context()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		_, _, _ = s.Touch(ctx, keys[i%len(keys)], now)
		i++
	}
}

func BenchmarkTouchRedis(b *testing.B) {
	client := open(b, cachetest.StartRedis(b).URL())
	s := cache.NewRedisSliding(client)
	ctx := b.Context()
	if err := s.Put(ctx, "k", hot(time.Now())); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, state, err := s.Touch(ctx, "k", time.Now()); err != nil || state != cache.Live {
			b.Fatal(state, err)
		}
	}
	b.StopTimer()
	stats := client.Info(ctx, "commandstats").Val()
	_, stats, _ = strings.Cut(stats, "cmdstat_evalsha:")
	_, stats, _ = strings.Cut(stats, "usec_per_call=")
	stats, _, _ = strings.Cut(stats, ",")
	if us, err := strconv.ParseFloat(stats, 64); err == nil {
		b.ReportMetric(us, "redis-µs/op")
	}
}

func BenchmarkTouchRedisParallel(b *testing.B) {
	client := open(b, cachetest.StartRedis(b).URL())
	s := cache.NewRedisSliding(client)
	ctx := b.Context()
	if err := s.Put(ctx, "k", hot(time.Now())); err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := s.Touch(ctx, "k", time.Now()); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkGetExRedis is the yardstick: the cheapest read that slides at all.
func BenchmarkGetExRedis(b *testing.B) {
	client := open(b, cachetest.StartRedis(b).URL())
	ctx := b.Context()
	client.Set(ctx, "k", make([]byte, 470), time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.GetEx(ctx, "k", 15*time.Minute).Bytes(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetExRedisParallel(b *testing.B) {
	client := open(b, cachetest.StartRedis(b).URL())
	ctx := b.Context()
	client.Set(ctx, "k", make([]byte, 470), time.Hour)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := client.GetEx(ctx, "k", 15*time.Minute).Bytes(); err != nil {
				b.Error(err)
			}
		}
	})
}
