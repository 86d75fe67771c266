//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9"
	"golang.org/x/crypto/bcrypt"
)

// limitAnswer is a JSON of 470 bytes, about what a session check answers.
var limitAnswer = []byte(`{"version":"1.0","success":true,"code":200,"message":"OK","request_id":"00000000-0000-4000-8000-000000000000","data":{"user":{"id":"018f3c6e-7b5a-7c3d-9e2f-0123456789ab","email":"bench@example.com","email_verified":false,"full_name":"Bench Marker","avatar_url":null,"status":"active","last_login_at":"2026-01-02T03:04:05Z","last_login_ip":"127.0.0.1","created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","padding":"........"},"organizations":[]},"meta":{}}`)

const limitKey = "bench:session"

// limitProgram is the least that a session check can be done with, as a process of its
// own: bare gin and one GETEX, or bare gin and a look-up in a map.
func limitProgram(ctx context.Context, role, addr, redisAddr string) error {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	answer := func(c *gin.Context) { c.Data(http.StatusOK, "application/json", limitAnswer) }
	switch role {
	case "redis":
		client := redis.NewClient(&redis.Options{Addr: redisAddr, PoolSize: 64})
		defer client.Close()
		if err := client.Set(ctx, limitKey, limitAnswer, time.Hour).Err(); err != nil {
			return fmt.Errorf("limit program: %w", err)
		}
		engine.GET("/me", func(c *gin.Context) {
			token := strings.TrimPrefix(c.GetHeader("Authorization"), "Bearer ")
			value, err := client.GetEx(c, limitKey, 15*time.Minute).Bytes()
			if err != nil || token == "" {
				c.Status(http.StatusUnauthorized)
				return
			}
			c.Data(http.StatusOK, "application/json", value)
		})
	case "memory":
		var mu sync.RWMutex
		sessions := map[string]time.Time{"limit": time.Now().Add(time.Hour)}
		engine.GET("/me", func(c *gin.Context) {
			mu.RLock()
			until, ok := sessions[strings.TrimPrefix(c.GetHeader("Authorization"), "Bearer ")]
			mu.RUnlock()
			if !ok || time.Now().After(until) {
				c.Status(http.StatusUnauthorized)
				return
			}
			answer(c)
		})
	default:
		return fmt.Errorf("there is no limit program %q", role)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("limit program: %w", err)
	}
	server := &http.Server{Handler: engine}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("limit program: %w", err)
	}
	return nil
}

// bcryptLoop hashes with x/crypto at the cost, on n threads, for a span, and returns the
// hashes a second.
func bcryptLoop(ctx context.Context, n, cost int, span time.Duration) float64 {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	rates := make([]float64, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			begin, done := time.Now(), 0
			for ctx.Err() == nil {
				if _, err := bcrypt.GenerateFromPassword([]byte("Bench-marker-password"), cost); err != nil {
					return
				}
				done++
			}
			rates[i] = float64(done) / time.Since(begin).Seconds()
		})
	}
	wait.Wait()
	total := 0.0
	for _, r := range rates {
		total += r
	}
	return total
}
