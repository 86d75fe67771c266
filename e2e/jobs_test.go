package e2e_test

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
	"github.com/authy2/backend/e2e/service"
)

const cleanup = "cleanup_sessions"

// clientID is what a process calls itself in the queue, from its log.
var clientID = regexp.MustCompile(`"client_id":"([^"]+)"`)

// done counts how often a job ended well, as the logs of processes tell at level debug.
func done(job string, logs ...*harness.Log) int {
	n := 0
	for _, log := range logs {
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, `"job done"`) && strings.Contains(line, `"job":"`+job+`"`) {
				n++
			}
		}
	}
	return n
}

// Two servers and two workers share the periodic jobs while one of each leaves, one in
// order and one by kill -9: every interval is run once, by one of them.
func TestPeriodicJobsRunOncePerInterval(t *testing.T) {
	t.Parallel()
	sys := harness.Prepare(t, harness.Single, harness.Options{Env: map[string]string{
		"SESSION_CLEANUP_INTERVAL": "1", "LOG_LEVEL": "debug",
	}})
	first, second := sys.Add(t), sys.Add(t)
	one, two := sys.Background(t, nil, "jobs", "work"), sys.Background(t, nil, "jobs", "work")
	logs := []*harness.Log{first.Log, second.Log, one.Log, two.Log}
	more := func(n int) {
		t.Helper()
		want := done(cleanup, logs...) + n
		harness.Eventually(t, 90*time.Second, strconv.Itoa(n)+" more runs", func() bool { return done(cleanup, logs...) >= want })
	}
	more(3)
	for _, p := range []interface {
		Terminate(tb testing.TB) (int, time.Duration)
	}{first, one} {
		if code, took := p.Terminate(t); code != 0 || took > 10*time.Second {
			t.Errorf("SIGTERM ends with %d after %s", code, took)
		}
	}
	more(3)
	two.Kill()
	more(3)
	if code, _ := second.Terminate(t); code != 0 {
		t.Errorf("SIGTERM ends with %d", code)
	}
	// What was killed may have been between its run's commit and the queue's note of it.
	const where = ` FROM river_job WHERE kind = 'periodic_run' AND args->>'name' = '` + cleanup + `' AND `
	count := func(query string) int {
		t.Helper()
		n, err := strconv.Atoi(sys.One(t, query))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	runs := count(`SELECT runs FROM platform_jobs WHERE name = '` + cleanup + `'`)
	noted, begun := count(`SELECT count(DISTINCT args->>'slot')`+where+`state = 'completed'`), count(`SELECT count(*)`+where+`attempt > 0`)
	if runs < noted || runs > begun || begun > noted+1 {
		t.Errorf("%d intervals were begun, %d are noted as done, %d runs in the book", begun, noted, runs)
	}
	// A log is written once a second, so what was killed took its last lines with it. The
	// others have told of every run of theirs, and it of none that was not.
	killed := clientID.FindStringSubmatch(two.Log.String())
	if killed == nil {
		t.Fatal("the worker that was killed does not say who it was")
	}
	const by = `state = 'completed' AND attempted_by[array_upper(attempted_by, 1)] `
	others, its := sys.One(t, `SELECT count(*)`+where+by+`<> '`+killed[1]+`'`), sys.One(t, `SELECT count(*)`+where+by+`= '`+killed[1]+`'`)
	if logged := strconv.Itoa(done(cleanup, first.Log, second.Log, one.Log)); logged != others {
		t.Errorf("%s runs of those that ended in order, %s in their logs", others, logged)
	}
	if most, err := strconv.Atoi(its); err != nil || done(cleanup, two.Log) > most {
		t.Errorf("%s runs of what was killed, %d in its log, %v", its, done(cleanup, two.Log), err)
	}
}

// With JOBS_IN_PROCESS=false servers leave the work to workers, whose metrics are where
// METRICS_ADDR says.
func TestWorkersDoWhatServersLeave(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Single, harness.Options{Env: map[string]string{
		"JOBS_IN_PROCESS": "false", "SESSION_CLEANUP_INTERVAL": "1", "SESSION_IDLE_TIMEOUT": "1",
	}})
	session := sys.First().CurrentSession(t, sys.First().Register(t).Token)
	status := func() string { return sys.One(t, `SELECT status FROM sessions_sessions WHERE id = '`+session+`'`) }
	harness.Throughout(t, 3*time.Second, "nobody works", func() bool { return status() == "ACTIVE" })

	address := freeAddress(t)
	worker := sys.Background(t, map[string]string{"METRICS_ADDR": address}, "jobs", "work")
	harness.Eventually(t, 30*time.Second, "the session is marked", func() bool { return status() == "EXPIRED" })
	harness.Eventually(t, 10*time.Second, "the run is counted", func() bool {
		return strings.Contains(fetch(t, "http://"+address+"/metrics"), `jobs_total{name="`+cleanup+`",result="ok"}`)
	})
	if strings.Contains(worker.Log.String(), `"for":"api"`) {
		t.Error("a worker listens for the API")
	}
	if code, took := worker.Terminate(t); code != 0 || took > 10*time.Second {
		t.Errorf("SIGTERM ends the worker with %d after %s", code, took)
	}
	if out, code := sys.CLI(t, nil, "jobs", "status"); code != 0 || !strings.Contains(out, cleanup) {
		t.Errorf("jobs status: %d %s", code, out)
	}
}

// The runner of one job, as a container runs it.
func TestJobRunner(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Single, harness.Options{OwnPostgres: true, Errors: true, Env: map[string]string{
		"JOBS_IN_PROCESS": "false", "SESSION_IDLE_TIMEOUT": "1",
	}})
	out, code := sys.CLI(t, map[string]string{"JOB_NAME": "clean_up_sessions", "JOB_INTERVAL_SECONDS": "1"}, "jobs", "run")
	if code != 1 || !strings.Contains(out, "clean_up_sessions") || !strings.Contains(out, cleanup) {
		t.Errorf("a job that is none: %d %s", code, out)
	}
	expired := func() bool {
		return sys.One(t, `SELECT count(*) FROM sessions_sessions WHERE status = 'ACTIVE'`) == "0"
	}

	sys.First().Register(t)
	runner := sys.Background(t, map[string]string{"JOB_NAME": cleanup, "JOB_INTERVAL_SECONDS": "1"}, "jobs", "run")
	harness.Eventually(t, 30*time.Second, "the session is marked", expired)

	sys.Postgres.Stop()
	harness.Eventually(t, 30*time.Second, "a run fails", func() bool { return strings.Contains(runner.Log.String(), `"job failed"`) })
	if err := sys.Postgres.Start(); err != nil {
		t.Fatal(err)
	}
	sys.First().AwaitReady(t, 30*time.Second)
	sys.First().Register(t)
	harness.Eventually(t, 60*time.Second, "the runner goes on", expired)
	if code, took := runner.Terminate(t); code != 0 || took > 10*time.Second {
		t.Errorf("SIGTERM ends the runner with %d after %s:\n%s", code, took, runner.Log.Tail(10))
	}
}

// A worker beside a SQLite file would change what its server holds in memory.
func TestWorkerNeedsPostgres(t *testing.T) {
	t.Parallel()
	sys := harness.Prepare(t, harness.Embedded, harness.Options{})
	out, code := sys.CLI(t, nil, "jobs", "work")
	if code != 2 || !strings.Contains(out, "needs PostgreSQL") {
		t.Errorf("%d %s", code, out)
	}
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := service.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + strconv.Itoa(port)
}

// fetch reads a page; empty when it cannot be had.
func fetch(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return ""
	}
	return string(body)
}
