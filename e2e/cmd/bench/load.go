//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// result is what a load saw.
type result struct {
	served    int
	failed    int
	elapsed   time.Duration
	latencies []time.Duration
}

func (r result) perSecond() float64 { return float64(r.served) / r.elapsed.Seconds() }

// percentile sorts and returns the p-th of 100.
func percentile(d []time.Duration, p float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, int(float64(len(d))*p/100))]
}

// closedLoop keeps connections busy with one prepared request each, for a span: every
// connection sends its next request when its answer is complete. It is one thread on
// epoll, so that it takes little of the machine that it measures.
func closedLoop(ctx context.Context, addr string, requests [][]byte, span time.Duration) (result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	poll, err := syscall.EpollCreate1(0)
	if err != nil {
		return result{}, fmt.Errorf("epoll: %w", err)
	}
	defer syscall.Close(poll)
	conns := map[int32]*wire{}
	defer func() {
		for _, w := range conns {
			syscall.Close(w.fd)
		}
	}()
	for _, request := range requests {
		w, err := dial(addr, request)
		if err != nil {
			return result{}, err
		}
		conns[int32(w.fd)] = w
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(w.fd)}
		if err := syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, w.fd, &event); err != nil {
			return result{}, fmt.Errorf("epoll: %w", err)
		}
	}
	r := result{latencies: make([]time.Duration, 0, 1<<19)}
	begin := time.Now()
	for _, w := range conns {
		if err := w.send(begin); err != nil {
			return r, err
		}
	}
	events := make([]syscall.EpollEvent, len(requests))
	for {
		n, err := syscall.EpollWait(poll, events, 100)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return r, fmt.Errorf("epoll: %w", err)
		}
		now := time.Now()
		if now.Sub(begin) >= span || ctx.Err() != nil {
			r.elapsed = now.Sub(begin)
			return r, ctx.Err()
		}
		for _, e := range events[:max(n, 0)] {
			w := conns[e.Fd]
			done, ok, err := w.receive()
			if err != nil {
				return r, err
			}
			if !done {
				continue
			}
			if ok {
				r.served++
			} else {
				r.failed++
			}
			r.latencies = append(r.latencies, now.Sub(w.sent))
			if err := w.send(now); err != nil {
				return r, err
			}
		}
	}
}

// wire is one keep-alive connection on a bare socket.
type wire struct {
	fd      int
	request []byte
	sent    time.Time
	buf     []byte
	n       int
}

func dial(addr string, request []byte) (*wire, error) {
	tcp, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	to := syscall.SockaddrInet4{Port: tcp.Port}
	copy(to.Addr[:], tcp.IP.To4())
	if err := errors.Join(syscall.Connect(fd, &to),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetNonblock(fd, true)); err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	return &wire{fd: fd, request: request, buf: make([]byte, 16<<10)}, nil
}

// send writes the request; it is far smaller than a socket's buffer.
func (w *wire) send(now time.Time) error {
	w.sent, w.n = now, 0
	if n, err := syscall.Write(w.fd, w.request); err != nil || n != len(w.request) {
		return fmt.Errorf("send: %d bytes: %w", n, err)
	}
	return nil
}

// receive reads what is there and reports whether the answer is complete, and a 2xx.
func (w *wire) receive() (done, ok bool, err error) {
	n, err := syscall.Read(w.fd, w.buf[w.n:])
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return false, false, nil
	case err != nil:
		return false, false, fmt.Errorf("receive: %w", err)
	case n == 0:
		return false, false, errors.New("receive: the server closed the connection")
	}
	w.n += n
	return complete(w.buf[:w.n])
}

var (
	headEnd  = []byte("\r\n\r\n")
	lengthIs = []byte("\r\nContent-Length: ")
	chunkEnd = []byte("\r\n0\r\n\r\n")
)

// complete judges the bytes of one HTTP/1.1 answer.
func complete(b []byte) (done, ok bool, err error) {
	head := bytes.Index(b, headEnd)
	if head < 12 {
		return false, false, nil
	}
	ok = b[9] == '2'
	at := bytes.Index(b[:head], lengthIs)
	if at < 0 {
		return bytes.HasSuffix(b, chunkEnd), ok, nil
	}
	digits := b[at+len(lengthIs) : head]
	if end := bytes.IndexByte(digits, '\r'); end >= 0 {
		digits = digits[:end]
	}
	length, err := strconv.Atoi(string(digits))
	if err != nil {
		return false, false, fmt.Errorf("receive: Content-Length: %w", err)
	}
	return len(b) >= head+len(headEnd)+length, ok, nil
}

// getRequest is the bytes of a GET with a session token.
func getRequest(addr, path, token string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: application/json\r\nUser-Agent: authy2-bench\r\n\r\n", path, addr, token)
}

// postRequest is the bytes of a POST with a JSON body.
func postRequest(addr, path string, body []byte) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nUser-Agent: authy2-bench\r\nContent-Length: %d\r\n\r\n%s", path, addr, len(body), body)
}
