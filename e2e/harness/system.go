package harness

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"path/filepath"
	"testing"

	"github.com/authy2/backend/e2e/service"
)

// Kind is a deployment that the system promises to behave the same in.
type Kind string

// The deployments.
const (
	// Embedded is one process on SQLite with its in-process cache.
	Embedded Kind = "sqlite"
	// Single is one process on PostgreSQL and Redis.
	Single Kind = "postgres-redis"
	// Pair is two processes on one PostgreSQL and one Redis.
	Pair Kind = "two-processes"
)

// Options is what a journey asks of a deployment. The zero value is every deployment,
// with rate limits off.
type Options struct {
	// Kinds are the deployments to run on; empty means all three.
	Kinds []Kind
	// Env is added to the environment of every process; an empty value removes a key.
	Env map[string]string
	// OwnPostgres starts a PostgreSQL for this journey alone, which it may freeze.
	OwnPostgres bool
	// Errors allows lines of level ERROR in the log.
	Errors bool
}

// System is a running deployment.
type System struct {
	Kind    Kind
	Options Options
	// Servers are its processes: one, or two for [Pair].
	Servers []*Server
	// Postgres and Database are nil and empty for [Embedded], as Redis is.
	Postgres *service.Postgres
	Database string
	Redis    *service.Redis
	// SQLite is the path of the database file of [Embedded].
	SQLite string
	// MailDir is where its processes put the mails that they would send.
	MailDir string

	secrets *secrets
}

// Each runs fn as parallel subtests, one for each deployment, on fresh databases.
func Each(t *testing.T, o Options, fn func(t *testing.T, sys *System)) {
	t.Helper()
	kinds := o.Kinds
	if len(kinds) == 0 {
		kinds = []Kind{Embedded, Single, Pair}
	}
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			fn(t, Start(t, kind, o))
		})
	}
}

// Start starts one deployment and waits until it is ready. It is stopped at the end of
// the test.
func Start(t testing.TB, kind Kind, o Options) *System {
	t.Helper()
	sys := Prepare(t, kind, o)
	n := 1
	if kind == Pair {
		n = 2
	}
	for range n {
		sys.Add(t)
	}
	return sys
}

// Prepare provides the stores of a deployment without starting a process.
func Prepare(t testing.TB, kind Kind, o Options) *System {
	t.Helper()
	sys := &System{Kind: kind, Options: o, secrets: &secrets{}, MailDir: t.TempDir()}
	if kind == Embedded {
		sys.SQLite = filepath.Join(t.TempDir(), "authy2.db")
		return sys
	}
	tools := Tools(t)
	var err error
	if o.OwnPostgres {
		if sys.Postgres, err = service.NewPostgres(tools); err == nil {
			t.Cleanup(sys.Postgres.Close)
		}
	} else {
		sys.Postgres, err = common.postgres()
	}
	if err != nil {
		t.Fatal(err)
	}
	sys.Database = "authy2_" + randomHex(6)
	if _, err := sys.Postgres.CreateDatabase(t.Context(), sys.Database); err != nil {
		t.Fatal(err)
	}
	if sys.Redis, err = service.NewRedis(tools); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sys.Redis.Close)
	return sys
}

// Environment is that of the deployment's processes, without an address.
func (sys *System) Environment() map[string]string {
	env := map[string]string{
		"APP_ENV":           "testing",
		"BCRYPT_LOG_ROUNDS": "4",
		"RATELIMIT_ENABLED": "false",
		// Tests on a busy machine use sessions for longer than people are trusted unasked.
		"STEP_UP_MAX_AGE":      "3600",
		"REMEMBER_DEVICE_DAYS": "30",
		"LOG_FORMAT":           "json",
		"LOG_LEVEL":            "info",
		"MAIL_DIR":             sys.MailDir,
		"SECRET_KEY":           "k1:c2VjcmV0LWtleS1vZi10aGUtam91cm5leXMtMDAwMDE=",
		"ENCRYPTION_KEY":       "k1:ZW5jcnlwdGlvbi1rZXktb2YtdGhlLWpvdXJuZXlzMDA=",
		"CA_ENCRYPTION_KEY":    "k1:Y2Eta2V5LW9mLXRoZS1qb3VybmV5cy0wMDAwMDAwMDA=",
	}
	if sys.Kind == Embedded {
		env["DATABASE_URL"] = "sqlite:" + sys.SQLite
	} else {
		env["DATABASE_URL"] = sys.Postgres.URL(sys.Database)
		env["REDIS_URL"] = sys.Redis.URL()
	}
	maps.Copy(env, sys.Options.Env)
	maps.DeleteFunc(env, func(_, v string) bool { return v == "" })
	return env
}

// First is the first process, Last the last one: the other one of a [Pair].
func (sys *System) First() *Server { return sys.Servers[0] }

// Last is the last process.
func (sys *System) Last() *Server { return sys.Servers[len(sys.Servers)-1] }

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
