//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

const connections = 64

func medianOf(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

// contender is one program in an alternating comparison.
type contender struct {
	name     string
	addr     string
	requests [][]byte
	// server and stores are the processes that work for it.
	server int
	stores func() []int

	perSecond, p99, serverCPU, storeCPU []float64
}

func (c *contender) round(ctx context.Context, span time.Duration) error {
	server, stores := cpu([]int{c.server}), cpu(c.stores())
	r, err := closedLoop(ctx, c.addr, c.requests, span)
	if err != nil {
		return err
	}
	if r.failed > 0 {
		return fmt.Errorf("%s: %d of %d requests failed", c.name, r.failed, r.served+r.failed)
	}
	per := func(used time.Duration) float64 { return float64(used) / 1e3 / float64(max(r.served, 1)) }
	c.perSecond = append(c.perSecond, r.perSecond())
	c.p99 = append(c.p99, float64(percentile(r.latencies, 99))/1e6)
	c.serverCPU = append(c.serverCPU, per(cpu([]int{c.server})-server))
	c.storeCPU = append(c.storeCPU, per(cpu(c.stores())-stores))
	return nil
}

// compare lets the contenders work in turn, the first being the limit, and prints them.
func (b *stage) compare(ctx context.Context, goal string, contenders ...*contender) error {
	for _, c := range contenders { // warm: connections, caches, pools
		if _, err := closedLoop(ctx, c.addr, c.requests, b.window/4); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for range b.rounds {
		for _, c := range contenders {
			if err := c.round(ctx, b.window); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%-44s %10s %9s %14s %8s\n", fmt.Sprintf("%d connections, median of %d rounds", connections, b.rounds), "req/s", "p99 ms", "CPU µs/check", "ratio")
	limit := contenders[0]
	for _, c := range contenders {
		ratios := make([]float64, len(c.perSecond))
		for i := range ratios {
			ratios[i] = c.perSecond[i] / limit.perSecond[i]
		}
		fmt.Printf("%-44s %10.0f %9.1f %14s %8.2f\n", c.name, medianOf(c.perSecond), medianOf(c.p99),
			fmt.Sprintf("%.1f + %.1f", medianOf(c.serverCPU), medianOf(c.storeCPU)), medianOf(ratios))
	}
	fmt.Println("goal:", goal)
	return nil
}

func requestsOf(addr, path string, users []credentials) [][]byte {
	out := make([][]byte, connections)
	for i := range out {
		out[i] = getRequest(addr, path, users[i%len(users)].Token)
	}
	return out
}

// checks: GET of the caller on PostgreSQL and Redis, all middleware on.
func (b *stage) checks(ctx context.Context) error {
	limit, err := b.limit("redis")
	if err != nil {
		return err
	}
	defer limit.stop()
	stores := func() []int { return append(b.postgres.PIDs(), b.redis.PIDs()...) }
	ours := b.server.proc.PID()
	err = b.compare(ctx, "ratio ≥ 0.80 (stretch 1.0), CPU ≤ 85 µs (stretch 56), RSS at 64 connections ≤ 80 MB",
		&contender{name: "limit: bare gin + one go-redis GETEX", addr: limit.addr, requests: requestsOf(limit.addr, "/me", b.users), server: limit.proc.PID(), stores: stores},
		&contender{name: "GET /api/v1/auth/me", addr: b.server.addr, requests: requestsOf(b.server.addr, "/api/v1/auth/me", b.users), server: ours, stores: stores},
		&contender{name: "GET /api/v1/users/me", addr: b.server.addr, requests: requestsOf(b.server.addr, "/api/v1/users/me", b.users), server: ours, stores: stores},
	)
	fmt.Printf("RSS of the server after it: %s\n", mb(memory(b.server.proc.PID(), "VmRSS")))
	return err
}

// embedded: the same on SQLite with the in-process cache.
func (b *stage) embedded(ctx context.Context) error {
	limit, err := b.limit("memory")
	if err != nil {
		return err
	}
	defer limit.stop()
	s, err := b.serve("sqlite", b.sqlite())
	if err != nil {
		return err
	}
	defer s.stop()
	users, err := b.accounts(ctx, s.addr, 16)
	if err != nil {
		return err
	}
	none := func() []int { return nil }
	return b.compare(ctx, "ratio ≥ 0.80",
		&contender{name: "limit: bare gin + look-up in a map", addr: limit.addr, requests: requestsOf(limit.addr, "/me", []credentials{{Token: "limit"}}), server: limit.proc.PID(), stores: none},
		&contender{name: "GET /api/v1/auth/me", addr: s.addr, requests: requestsOf(s.addr, "/api/v1/auth/me", users), server: s.proc.PID(), stores: none},
		&contender{name: "GET /api/v1/users/me", addr: s.addr, requests: requestsOf(s.addr, "/api/v1/users/me", users), server: s.proc.PID(), stores: none},
	)
}

// hashing compares what the server does a second with the x/crypto loop on cores − 1.
func (b *stage) hashing(ctx context.Context, what, goal string, clients, want int, next func(client, i int) []byte) error {
	const rounds = 3
	span := 3 * b.window
	var loops, rates, ratios []float64
	for range rounds {
		loop := bcryptLoop(ctx, b.workers, cost, span)
		limited, cancel := context.WithTimeout(ctx, span)
		at, _, err := completions(limited, b.server.addr, clients, want, next)
		cancel()
		if err != nil {
			return err
		}
		loops, rates = append(loops, loop), append(rates, rate(at))
		ratios = append(ratios, rate(at)/loop)
	}
	fmt.Printf("%-44s %10.2f /s\n", fmt.Sprintf("limit: x/crypto loop, cost %d, %d thread(s)", cost, b.workers), medianOf(loops))
	fmt.Printf("%-44s %10.2f /s %21s %8.2f\n", fmt.Sprintf("%s, %d clients", what, clients), medianOf(rates), "", medianOf(ratios))
	fmt.Println("goal:", goal)
	return ctx.Err()
}

func (b *stage) logins(ctx context.Context) error {
	return b.hashing(ctx, "log-ins", "ratio ≥ 0.95 (stretch 2.4)", 16, 200, func(client, _ int) []byte {
		return b.users[client%len(b.users)].login(b.server.addr)
	})
}

func (b *stage) registrations(ctx context.Context) error {
	var mu sync.Mutex
	return b.hashing(ctx, "registrations", "ratio ≥ 0.95 (stretch 2.4)", 16, 201, func(int, int) []byte {
		mu.Lock()
		defer mu.Unlock()
		b.serial++
		return registration(b.server.addr, fmt.Sprintf("new-%06d@example.com", b.serial), "Bench-marker-new")
	})
}

// mixed: session checks on time while others log in without pause.
func (b *stage) mixed(ctx context.Context) error {
	const perSecond, clients = 500, 32
	span := 3 * b.window
	requests := requestsOf(b.server.addr, "/api/v1/auth/me", b.users)
	calm, err := openLoop(ctx, b.server.addr, perSecond, requests, span)
	if err != nil {
		return err
	}
	loop := bcryptLoop(ctx, b.workers, cost, span)
	limited, cancel := context.WithTimeout(ctx, span+2*time.Second)
	defer cancel()
	type logins struct {
		at      []time.Time
		refused int
		err     error
	}
	done := make(chan logins, 1)
	go func() {
		at, refused, err := completions(limited, b.server.addr, clients, 200, func(client, _ int) []byte {
			return b.users[client%len(b.users)].login(b.server.addr)
		})
		done <- logins{at, refused, err}
	}()
	time.Sleep(time.Second)
	busy, err := openLoop(ctx, b.server.addr, perSecond, requests, span)
	l := <-done
	if err := errors.Join(err, l.err); err != nil {
		return err
	}
	p99, unloaded := percentile(busy.latencies, 99), percentile(calm.latencies, 99)
	fmt.Printf("%-44s p50 %8s  p99 %8s  max %8s\n", fmt.Sprintf("%d checks/s alone", perSecond), ms(percentile(calm.latencies, 50)), ms(unloaded), ms(percentile(calm.latencies, 100)))
	fmt.Printf("%-44s p50 %8s  p99 %8s  max %8s  p99 ×%.1f\n", fmt.Sprintf("%d checks/s while %d clients log in", perSecond, clients), ms(percentile(busy.latencies, 50)), ms(p99), ms(percentile(busy.latencies, 100)), float64(p99)/float64(max(unloaded, 1)))
	fmt.Printf("%-44s %10.2f /s %21s %8.2f\n", fmt.Sprintf("log-ins meanwhile (%d answered 503)", l.refused), rate(l.at), "", rate(l.at)/loop)
	fmt.Printf("%-44s %10.2f /s\n", fmt.Sprintf("limit: x/crypto loop, cost %d, %d thread(s)", cost, b.workers), loop)
	fmt.Println("goal: p99 ≤ 10 ms (stretch 5) and ≤ 5 × unloaded, log-ins ÷ loop ≥ 0.95 (stretch 2.5)")
	return ctx.Err()
}

// storm: 500 log-ins at one instant.
func (b *stage) storm(ctx context.Context) error {
	const n = 500
	pid := b.server.proc.PID()
	before := memory(pid, "VmRSS")
	resetPeak(pid)
	var (
		mu                sync.Mutex
		wait, ready       sync.WaitGroup
		admitted, refused []time.Duration
		errs              []error
	)
	start := make(chan struct{})
	ready.Add(n)
	for i := range n {
		wait.Go(func() {
			conn, err := connect(ctx, b.server.addr)
			ready.Done()
			status, took := 0, time.Duration(0)
			if err == nil {
				defer conn.Close()
				<-start
				begin := time.Now()
				status, _, err = exchange(conn, b.users[i%len(b.users)].login(b.server.addr), make([]byte, 8<<10))
				took = time.Since(begin)
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				errs = append(errs, err)
			case status == 200:
				admitted = append(admitted, took)
			case status == 503:
				refused = append(refused, took)
			default:
				errs = append(errs, fmt.Errorf("status %d", status))
			}
		})
	}
	ready.Wait()
	close(start)
	wait.Wait()
	fmt.Printf("%-44s %d admitted, %d answered 503, %d failed\n", fmt.Sprintf("%d log-ins at one instant", n), len(admitted), len(refused), len(errs))
	fmt.Printf("%-44s p50 %8s  p99 %8s  max %8s   goal: within 50 ms\n", "time to a 503", ms(percentile(refused, 50)), ms(percentile(refused, 99)), ms(percentile(refused, 100)))
	fmt.Printf("%-44s p50 %8s  max %8s   goal: none over 5 s\n", "wait of the admitted", ms(percentile(admitted, 50)), ms(percentile(admitted, 100)))
	fmt.Printf("%-44s %s (from %s)   goal: + ≤ 50 MB\n", "RSS grew by", mb(memory(pid, "VmHWM")-before), mb(before))
	return errors.Join(errs...)
}

// start: start to ready on an existing database, idle memory, size.
func (b *stage) start(context.Context) error {
	for _, c := range []struct {
		name string
		env  []string
	}{{"PostgreSQL + Redis", b.production()}, {"SQLite", b.sqlite()}} {
		var ready []time.Duration
		var rss int64
		for i := range 8 {
			s, err := b.serve("start", c.env)
			if err != nil {
				return err
			}
			if i > 0 { // the first one may migrate
				ready = append(ready, s.ready)
			}
			if i == 7 {
				time.Sleep(2 * time.Second)
				rss = memory(s.proc.PID(), "VmRSS")
			}
			s.stop()
		}
		fmt.Printf("%-44s median %s, best %s   goal: ≤ 100 ms (stretch 50)\n", "start to ready, "+c.name, ms(percentile(ready, 50)), ms(ready[0]))
		fmt.Printf("%-44s %s   goal: ≤ 40 MB (stretch 20)\n", "idle RSS, "+c.name, mb(rss))
	}
	info, err := os.Stat(b.binary)
	if err != nil {
		return fmt.Errorf("size: %w", err)
	}
	fmt.Printf("%-44s %s   goal: ≤ 60 MB\n", "binary", mb(info.Size()))
	return nil
}
