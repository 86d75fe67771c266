package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/service"
)

// Browser is a Chromium without a window. It is driven by the DevTools protocol over a
// pipe (--remote-debugging-pipe): JSON texts, each ended by a zero byte.
type Browser struct {
	to   io.Writer
	proc *service.Process
	log  *Log

	mu      sync.Mutex
	last    int
	waiting map[int]chan devTools
	gone    error
}

// devTools is a message of the DevTools protocol.
type devTools struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// StartBrowser starts a browser with a profile of its own, that knows no host but
// localhost. It is stopped at the end of the test.
func StartBrowser(t testing.TB) *Browser {
	t.Helper()
	// Chromium reads descriptor 3 and writes to 4.
	in, to, err := os.Pipe()
	from, out, err2 := os.Pipe()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "authy2-chromium-") //nolint:usetesting // what a browser that ends still writes fails no test
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + profile, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
		"--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-gpu", "--disable-dev-shm-usage", "--disable-crash-reporter", "--password-store=basic",
	}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox") // Chromium does not sandbox for root
	}
	b := &Browser{to: to, log: &Log{}, waiting: map[int]chan devTools{}}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), Tools(t).Chromium, args...)
	cmd.Env = []string{"HOME=" + profile, "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = b.log, b.log, []*os.File{in, out}
	b.proc, err = service.Spawn(cmd)
	_, _ = in.Close(), out.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.proc.Stop(syscall.SIGTERM, 10*time.Second)
		_, _ = to.Close(), from.Close()
		_ = os.RemoveAll(profile)
	})
	go b.read(from)
	return b
}

// read hands every answer to whoever waits for it, until the browser ends.
func (b *Browser) read(from io.Reader) {
	lines := bufio.NewReader(from)
	for {
		raw, err := lines.ReadBytes(0)
		var m devTools
		if err == nil {
			err = json.Unmarshal(raw[:len(raw)-1], &m)
		}
		b.mu.Lock()
		if err != nil {
			b.gone = fmt.Errorf("the browser is gone: %w", err)
			for id, c := range b.waiting {
				delete(b.waiting, id)
				close(c)
			}
			b.mu.Unlock()
			return
		}
		if c := b.waiting[m.ID]; c != nil {
			delete(b.waiting, m.ID)
			c <- m
		}
		b.mu.Unlock()
	}
}

// call sends a command, to a page when session names one, and decodes its result.
func (b *Browser) call(session, method string, params, into any) error {
	answer := make(chan devTools, 1)
	b.mu.Lock()
	b.last++
	raw, err := json.Marshal(devTools{ID: b.last, Session: session, Method: method, Params: params})
	if err = errors.Join(err, b.gone); err == nil {
		b.waiting[b.last] = answer
		_, err = b.to.Write(append(raw, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("%s: the browser has ended:\n%s", method, b.log.Tail(20))
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case into == nil:
			return nil
		}
		return json.Unmarshal(m.Result, into)
	case <-time.After(30 * time.Second):
		return fmt.Errorf("%s: no answer within 30 seconds:\n%s", method, b.log.Tail(20))
	}
}

// Page is an open page.
type Page struct {
	browser *Browser
	session string
}

// Open opens a page, with a cookie jar of its own, and waits until it is there.
func (b *Browser) Open(t testing.TB, url string) *Page {
	t.Helper()
	var jar struct{ BrowserContextID string }
	var target struct{ TargetID string }
	var attached struct{ SessionID string }
	err := b.call("", "Target.createBrowserContext", map[string]any{}, &jar)
	if err == nil {
		err = b.call("", "Target.createTarget", map[string]any{"url": url, "browserContextId": jar.BrowserContextID}, &target)
	}
	if err == nil {
		err = b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	}
	if err == nil { // pages that are not looked at are not asked for passkeys
		err = b.call(attached.SessionID, "Emulation.setFocusEmulationEnabled", map[string]any{"enabled": true}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &Page{b, attached.SessionID}
	Eventually(t, 20*time.Second, "the page is there", func() bool {
		var there bool
		return p.eval(`location.href === `+quoted(url)+` && document.readyState === "complete"`, &there) == nil && there
	})
	return p
}

// Eval runs a script in the page as the body of an async function with one argument, and
// decodes what it returns.
func (p *Page) Eval(t testing.TB, script string, argument, into any) {
	t.Helper()
	if err := p.eval(`(async (arg) => {`+script+`})(`+quoted(argument)+`)`, into); err != nil {
		t.Fatalf("%v\nin the script:\n%s", err, script)
	}
}

func (p *Page) eval(expression string, into any) error {
	var out struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	err := p.browser.call(p.session, "Runtime.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
	}, &out)
	switch e := out.ExceptionDetails; {
	case err != nil:
		return err
	case e != nil:
		return fmt.Errorf("the page throws: %s %s", e.Text, e.Exception.Description)
	case into == nil || out.Result.Value == nil:
		return nil
	}
	return json.Unmarshal(out.Result.Value, into)
}

func quoted(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(raw)
}

// Authenticator is a virtual authenticator of a page (WebAuthn §11.2): a security key that
// keeps passkeys, checks its user, and is touched at once while it is at hand.
type Authenticator struct {
	page *Page
	id   string
}

// AddAuthenticator plugs a new one in. It is at hand.
func (p *Page) AddAuthenticator(t testing.TB) *Authenticator {
	t.Helper()
	a := &Authenticator{page: p}
	var made struct{ AuthenticatorID string }
	err := p.browser.call(p.session, "WebAuthn.enable", map[string]any{"enableUI": false}, nil)
	if err == nil {
		err = p.browser.call(p.session, "WebAuthn.addVirtualAuthenticator", map[string]any{"options": map[string]any{
			"protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "usb", "hasResidentKey": true, "hasUserVerification": true,
			"isUserVerified": true, "automaticPresenceSimulation": true,
		}}, &made)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.id = made.AuthenticatorID
	return a
}

// AtHand says whether anybody touches it.
func (a *Authenticator) AtHand(t testing.TB, yes bool) {
	t.Helper()
	a.set(t, "WebAuthn.setAutomaticPresenceSimulation", map[string]any{"enabled": yes})
}

// Verifies says whether it recognises its user.
func (a *Authenticator) Verifies(t testing.TB, yes bool) {
	t.Helper()
	a.set(t, "WebAuthn.setUserVerified", map[string]any{"isUserVerified": yes})
}

func (a *Authenticator) set(t testing.TB, method string, params map[string]any) {
	t.Helper()
	params["authenticatorId"] = a.id
	if err := a.page.browser.call(a.page.session, method, params, nil); err != nil {
		t.Fatal(err)
	}
}

// Passkeys are the credential ids that it keeps, in base64.
func (a *Authenticator) Passkeys(t testing.TB) (ids []string) {
	t.Helper()
	var out struct {
		Credentials []struct {
			CredentialID         string
			IsResidentCredential bool
		}
	}
	err := a.page.browser.call(a.page.session, "WebAuthn.getCredentials", map[string]any{"authenticatorId": a.id}, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range out.Credentials {
		if c.IsResidentCredential {
			ids = append(ids, c.CredentialID)
		}
	}
	return ids
}
