package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
	"github.com/authy2/backend/e2e/service"
)

const (
	// flood is how many enquiries and recoveries are asked for, in four parts of an outage.
	flood, parts = 500, 4
	// accounts is how many accounts the recoveries are for.
	accounts = 25
	// inFlight is how many mails one process hands over at once.
	inFlight = 4
)

// refusedName and refusedLocal mark what the mail server refuses for good.
const (
	refusedName  = "Refused Enquirer"
	refusedLocal = "refused-"
)

// torrent is a flood of requests that cause a mail each.
type torrent struct {
	sys   *harness.System
	users []harness.User

	mu         sync.Mutex
	next       int
	took       []time.Duration
	unanswered int
}

// call is the i-th request. Its key makes it safe to repeat when nobody answered.
func (f *torrent) call(i int) harness.Call {
	c := forgot(f.users[i/2%len(f.users)].Email)
	if i%2 == 0 {
		name := fmt.Sprintf("Enquirer %d", i)
		if i%20 == 0 {
			name = fmt.Sprintf("%s %d", refusedName, i)
		}
		c = harness.Call{Path: contactPath, Body: enquiry(map[string]any{"name": name})}
	}
	c.Header = map[string]string{"Idempotency-Key": fmt.Sprintf("torrent-%d", i)}
	return c
}

// part sends the next requests, eight at a time, spread over the span.
func (f *torrent) part(t *testing.T, n int, span time.Duration) {
	t.Helper()
	const callers = 8
	var wait sync.WaitGroup
	first := f.next
	f.next += n
	begin := time.Now()
	for caller := range callers {
		wait.Go(func() {
			for i := first + caller; i < first+n; i += callers {
				harness.Pause(time.Until(begin.Add(span * time.Duration(i-first) / time.Duration(n))))
				f.send(t, i)
			}
		})
	}
	wait.Wait()
}

// send repeats one request until it is answered.
func (f *torrent) send(t *testing.T, i int) {
	c, begin := f.call(i), time.Now()
	for try := 0; time.Since(begin) < 45*time.Second; try++ {
		a, err := f.sys.Servers[(i+try)%len(f.sys.Servers)].Try(t.Context(), c)
		f.mu.Lock()
		if err != nil { // of the process that was killed
			f.unanswered++
		} else {
			f.took = append(f.took, a.Took)
		}
		f.mu.Unlock()
		switch {
		case err != nil, a.Status == http.StatusServiceUnavailable: // it is starting, or stopping
			harness.Pause(50 * time.Millisecond)
		case a.Status == http.StatusConflict && a.Text("error", "type") == "IDEMPOTENCY_CONFLICT":
			// Who worked on it may be dead, which nobody can be sure of for half a minute.
			harness.Pause(time.Second)
		case a.Status != http.StatusOK && a.Status != http.StatusCreated:
			t.Errorf("request %d: %d %s", i, a.Status, a.Body)
			return
		default:
			return
		}
	}
	t.Errorf("request %d is never answered", i)
}

// The mail server is down, then it is silent, then it answers 451, then it takes mails but
// for some that it refuses for good, and a process is killed in the middle of it: every
// request is answered at once, and every mail arrives, once, within a minute of the
// server's return, or is among the dead.
func TestNoMailIsLost(t *testing.T) {
	t.Parallel()
	for _, kind := range []harness.Kind{harness.Embedded, harness.Pair} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			server, env := harness.PlainMailServer(t)
			env["MAIL_FROM"], env["CONTACT_RECIPIENT"] = sender, recipient
			sys := harness.Start(t, kind, harness.Options{Env: env, Errors: true}) // a dead letter is an error in the log
			post, f := post{sys, server}, &torrent{sys: sys}
			f.register(t)
			post.settle(t, 0, 30*time.Second)
			before := len(server.Deliveries())

			server.Stop()
			f.part(t, flood/parts, 1500*time.Millisecond)
			server.Do(func(s service.MailStep) string { return when(s.Verb == "CONNECT" || s.Verb == "END", service.Silence) })
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			f.part(t, flood/parts, 2500*time.Millisecond)
			server.Do(func(s service.MailStep) string { return when(s.Verb == "RCPT", "451 4.3.0 not now") })
			f.part(t, flood/parts, 1500*time.Millisecond)

			// It is back, and slow enough that a kill hits mails on their way.
			server.Do(func(s service.MailStep) string {
				if s.Verb == "END" {
					harness.Pause(20 * time.Millisecond)
				}
				return refuses(s)
			})
			back := time.Now()
			arrived := func(n int) {
				t.Helper()
				harness.Eventually(t, 30*time.Second, "mails arrive again", func() bool { return len(server.Deliveries()) >= before+n })
			}
			arrived(1)
			var wait sync.WaitGroup
			wait.Go(func() { f.part(t, flood/parts, 2*time.Second) })
			arrived(10)
			sys.First().Kill()
			killed := time.Now()
			sys.First().Launch(t)
			wait.Wait()
			sys.First().AwaitReady(t, 10*time.Second)
			// What was on its way has to wait until it is sure that nobody has it any more.
			post.settle(t, inFlight, time.Minute-time.Since(back))
			most := time.Since(back)
			post.settle(t, 0, time.Minute-time.Since(killed))

			slices.Sort(f.took)
			t.Logf("%d answers: median %s, 99 %% %s, all within %s; %d attempts without an answer around the kill; mails out %s after the return, the last %s after the kill",
				len(f.took), f.took[len(f.took)/2], f.took[len(f.took)*99/100], f.took[len(f.took)-1], f.unanswered, most, time.Since(killed))
			if worst := f.took[len(f.took)-1]; worst > time.Second {
				t.Errorf("a request was answered after %s, want 1 s at most", worst)
			}
			f.counted(t, server.Deliveries()[before:], killed)
			f.buried(t, post)
		})
	}
}

func when(is bool, answer string) string {
	if is {
		return answer
	}
	return ""
}

// refuses says 550 to what is marked.
func refuses(s service.MailStep) string {
	if strings.HasPrefix(s.To, refusedLocal) {
		return "550 5.1.1 no such user"
	}
	return when(s.Verb == "END" && strings.Contains(s.Raw, "Subject: Sales enquiry from "+refusedName), "550 5.7.1 not wanted")
}

// register makes the accounts, some with addresses that the mail server refuses later.
func (f *torrent) register(t *testing.T) {
	t.Helper()
	for i := range accounts {
		u := f.sys.NewUser()
		if i%10 == 0 {
			u.Email = refusedLocal + u.Email
		}
		f.sys.Servers[i%len(f.sys.Servers)].Do(t, harness.Call{Path: registerPath, Body: u.Registration()}).Want(t, http.StatusCreated)
		f.users = append(f.users, u)
	}
}

// expected is how many mails are taken and how many refused.
func (f *torrent) expected() (taken, refused map[string]int) {
	taken, refused = map[string]int{}, map[string]int{}
	for i := range flood {
		body, _ := f.call(i).Body.(map[string]any)
		what, _ := body["name"].(string)
		if what == "" {
			what, _ = body["email"].(string)
		}
		if strings.HasPrefix(what, refusedName) || strings.HasPrefix(what, refusedLocal) {
			refused[what]++
		} else {
			taken[what]++
		}
	}
	return taken, refused
}

// counted checks that every mail arrived, and only those twice that were on their way when
// the process was killed.
func (f *torrent) counted(t *testing.T, deliveries []service.Delivery, killed time.Time) {
	t.Helper()
	copies, arrived, twice := map[string][]service.Delivery{}, map[string]int{}, 0
	for _, d := range deliveries {
		m := f.sys.Received(t, d.Raw)
		wellFormed(t, m, d)
		if copies[m.MessageID] = append(copies[m.MessageID], d); len(copies[m.MessageID]) > 1 {
			twice++
			earlier := copies[m.MessageID][0]
			if earlier.Raw != d.Raw {
				t.Errorf("the second copy of %s is another mail", m.MessageID)
			}
			if killed.Sub(earlier.Read).Abs() > 2*time.Second { // what a dead client sent may be read a moment later
				t.Errorf("a mail that was read %s before the kill arrived twice", killed.Sub(earlier.Read))
			}
			continue
		}
		what := m.To
		if m.To == recipient {
			what = strings.TrimPrefix(m.Subject, "Sales enquiry from ")
		}
		arrived[what]++
	}
	taken, _ := f.expected()
	if !maps.Equal(arrived, taken) {
		t.Errorf("%d mails arrived for %d", len(copies), total(taken))
		for what := range taken {
			if arrived[what] != taken[what] {
				t.Errorf("%s: %d mails, want %d", what, arrived[what], taken[what])
			}
		}
	}
	if twice > inFlight {
		t.Errorf("%d mails arrived twice, and at most %d were on their way", twice, inFlight)
	}
	t.Logf("%d mails arrived, %d of them twice", len(copies), twice)
}

func total(counts map[string]int) (n int) {
	for _, m := range counts {
		n += m
	}
	return n
}

// buried checks the list of the dead, and that a mail in it can still be delivered.
func (f *torrent) buried(t *testing.T, post post) {
	t.Helper()
	_, refused := f.expected()
	var dead []struct{ ID, Purpose, State, Reason string }
	out, code := f.sys.CLI(t, nil, "mail", "list", "--state", "dead", "--json")
	if err := json.Unmarshal([]byte(out), &dead); code != 0 || err != nil {
		t.Fatalf("authy2 mail list: exit code %d, %v\n%s", code, err, out)
	}
	if len(dead) != total(refused) {
		t.Errorf("%d mails are dead, want %d", len(dead), total(refused))
	}
	for _, d := range dead {
		if d.State != "dead" || !strings.Contains(d.Reason, "550") || strings.Contains(d.Reason, "@") {
			t.Errorf("a dead letter: %+v", d)
		}
	}
	if got := f.sys.One(t, `SELECT count(*) FROM audit_entries WHERE action = 'mail.dead'`); got != fmt.Sprint(total(refused)) {
		t.Errorf("%s rows in the trail for %d dead letters", got, total(refused))
	}
	for _, s := range f.sys.Servers {
		if strings.Contains(s.Log.String(), refusedLocal) || strings.Contains(s.Log.String(), "@example.com") {
			t.Error("a log names a recipient")
		}
	}
	post.server.Do(nil)
	before := len(post.server.Deliveries())
	if out, code := f.sys.CLI(t, nil, "mail", "retry", "--all"); code != 0 {
		t.Errorf("authy2 mail retry: exit code %d\n%s", code, out)
	}
	harness.Eventually(t, 20*time.Second, "the dead are delivered after all", func() bool {
		return len(post.server.Deliveries()) == before+total(refused)
	})
}
