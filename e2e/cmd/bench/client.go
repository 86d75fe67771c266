//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// exchange sends one request on a connection and waits for the whole answer.
func exchange(conn net.Conn, request, buf []byte) (status int, body []byte, err error) {
	if _, err := conn.Write(request); err != nil {
		return 0, nil, err
	}
	n := 0
	for {
		got, err := conn.Read(buf[n:])
		if err != nil {
			return 0, nil, err
		}
		n += got
		done, _, err := complete(buf[:n])
		if err != nil {
			return 0, nil, err
		}
		if done {
			return int(buf[9]-'0')*100 + int(buf[10]-'0')*10 + int(buf[11]-'0'), buf[:n], nil
		}
		if n == len(buf) {
			return 0, nil, errors.New("the answer is too long")
		}
	}
}

func connect(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// credentials are an account of the bench.
type credentials struct{ Email, Password, Token string }

func (c credentials) login(addr string) []byte {
	return postRequest(addr, "/api/v1/auth/login", encode(map[string]string{"email": c.Email, "password": c.Password}))
}

func registration(addr, email, password string) []byte {
	return postRequest(addr, "/api/v1/auth/register", encode(map[string]string{
		"email": email, "password": password, "password_confirm": password, "full_name": "Bench Marker",
	}))
}

func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings always encode
	}
	return raw
}

// register makes an account with a session.
func register(ctx context.Context, addr, email string) (credentials, error) {
	c := credentials{Email: email, Password: "Bench-marker-" + email[:6]}
	conn, err := connect(ctx, addr)
	if err != nil {
		return c, err
	}
	defer conn.Close()
	status, answer, err := exchange(conn, registration(addr, c.Email, c.Password), make([]byte, 16<<10))
	if err != nil {
		return c, err
	}
	var envelope struct {
		Data struct{ Token string }
	}
	if at := indexBody(answer); status == 201 && json.Unmarshal(answer[at:], &envelope) == nil && envelope.Data.Token != "" {
		c.Token = envelope.Data.Token
		return c, nil
	}
	return c, fmt.Errorf("register answers %d: %s", status, answer)
}

func indexBody(b []byte) int {
	for i := range len(b) - 3 {
		if string(b[i:i+4]) == "\r\n\r\n" {
			return i + 4
		}
	}
	return len(b)
}

// completions lets n clients send requests one after the other until the context ends,
// and returns when each answer with the wanted status came.
func completions(ctx context.Context, addr string, n, want int, next func(client, i int) []byte) (at []time.Time, refused int, err error) {
	var (
		mu   sync.Mutex
		wait sync.WaitGroup
		errs []error
	)
	for client := range n {
		wait.Go(func() {
			conn, err := connect(ctx, addr)
			if err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
				return
			}
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
			defer stop()
			buf := make([]byte, 16<<10)
			for i := 0; ctx.Err() == nil; i++ {
				status, answer, err := exchange(conn, next(client, i), buf)
				if err != nil {
					if ctx.Err() == nil {
						mu.Lock()
						errs = append(errs, err)
						mu.Unlock()
					}
					return
				}
				mu.Lock()
				switch status {
				case want:
					at = append(at, time.Now())
				case 503:
					refused++
				default:
					errs = append(errs, fmt.Errorf("status %d: %s", status, answer))
				}
				mu.Unlock()
				if status == 503 {
					select {
					case <-ctx.Done():
					case <-time.After(time.Second):
					}
				}
			}
		})
	}
	wait.Wait()
	return at, refused, errors.Join(errs...)
}

// rate is how many completions a second there were between the first and the last. What
// completes together with the first, as one batch, is its start and does not count.
func rate(at []time.Time) float64 {
	if len(at) < 2 {
		return 0
	}
	first, last := at[0], at[0]
	for _, t := range at {
		if t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	n := 0
	for _, t := range at {
		if t.Sub(first) > 50*time.Millisecond {
			n++
		}
	}
	return float64(n) / last.Sub(first).Seconds()
}

// openLoop sends perSecond requests a second, on time whatever the answers take, and
// returns their latencies, counted from when each was due.
func openLoop(ctx context.Context, addr string, perSecond int, requests [][]byte, span time.Duration) (result, error) {
	const workers = 64
	total := int(span.Seconds() * float64(perSecond))
	due := make(chan time.Time, total)
	var (
		mu   sync.Mutex
		wait sync.WaitGroup
		r    result
		errs []error
	)
	for w := range workers {
		conn, err := connect(ctx, addr)
		if err != nil {
			return r, err
		}
		defer conn.Close()
		wait.Go(func() {
			buf := make([]byte, 16<<10)
			for at := range due {
				status, _, err := exchange(conn, requests[w%len(requests)], buf)
				took := time.Since(at)
				mu.Lock()
				r.latencies = append(r.latencies, took)
				if err == nil && status == 200 {
					r.served++
				} else {
					r.failed++
					errs = append(errs, err)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	begin := time.Now()
	for i := range total {
		at := begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		if wait := time.Until(at); wait > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
		}
		due <- at
	}
	close(due)
	wait.Wait()
	r.elapsed = time.Since(begin)
	if err := errors.Join(errs...); err != nil && r.failed > total/100 {
		return r, err
	}
	return r, ctx.Err()
}
