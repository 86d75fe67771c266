package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ulule/limiter/v3"

	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/secret"
)

const (
	sqlitePrefix  = "sqlite:"
	defaultSQLite = "sqlite:data/authy2.db"
	testingSQLite = "sqlite:data/testing.db"
	// leastRounds is the cheapest bcrypt outside tests (OWASP Password Storage asks for
	// 10); mostRounds keeps one log-in under a few seconds.
	leastRounds, mostRounds = 12, 16
	// testRounds is the cheapest bcrypt there is.
	testRounds = 4
)

// checkPlatform fills in what follows from other settings and complains of what must not
// be.
func (l *loading) checkPlatform() {
	p := l.schema.platform
	p.Mail.SMTP.fill()
	l.complainOf("", errors.Join(
		p.App.check(), p.HTTP.check(), p.Password.check(p.App.Env), p.Jobs.check(), p.Mail.check(p.Production()), p.Brand.check(), p.Log.check(), p.Metrics.check(p.HTTP.Addr),
		p.Redis.check(), l.fillDatabase(&p.Database), p.Database.check(p.Production()), p.Keys.check(p.Production()),
	))
	for name := range p.RateLimit.Rates {
		if !rateOK(p.RateLimit.Rates[name]) {
			l.complainOf("", complaint(ratePrefix+name, "%q is not a rate such as 30-M (limit, dash, S M H or D)", short(p.RateLimit.Rates[name])))
		}
	}
}

// complaint is one sentence about a key.
func complaint(key, format string, args ...any) error {
	return errors.New(key + ": " + fmt.Sprintf(format, args...))
}

// check wants an address that links can be built on.
func (a App) check() error {
	const key = "app.public_url"
	u, err := url.Parse(a.PublicURL)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return complaint(key, "must be an address such as https://auth.example.com")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" || strings.HasSuffix(a.PublicURL, "/"):
		return complaint(key, "must be scheme, host and port only, without user, path or final slash")
	case a.Env == Production && u.Scheme != "https":
		return complaint(key, "must be https in production")
	}
	return nil
}

func (h HTTP) check() error {
	problems := []error{addressOK("http.addr", h.Addr)}
	for _, origin := range h.CORSOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") ||
			origin != u.Scheme+"://"+strings.ToLower(u.Host) || strings.Contains(u.Host, "*") {
			problems = append(problems, complaint("http.cors_origins",
				"%q is not an exact origin such as https://app.example.com (lower-case, no path, no wildcard)", short(origin)))
		} else if (u.Scheme == "https" && u.Port() == "443") || (u.Scheme == "http" && u.Port() == "80") {
			problems = append(problems, complaint("http.cors_origins", "%q names the default port, which browsers leave out", short(origin)))
		}
	}
	return errors.Join(problems...)
}

// addressOK wants host:port with a numeric port.
func addressOK(key, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return complaint(key, "%q is not an address such as :5000 or 127.0.0.1:5000", short(address))
	}
	return nil
}

func (p Password) check(profile string) error {
	const key = "password.bcrypt_log_rounds"
	switch {
	case p.BcryptLogRounds > mostRounds:
		return complaint(key, "must be at most %d", mostRounds)
	case profile == Testing && p.BcryptLogRounds < testRounds:
		return complaint(key, "must be at least %d", testRounds)
	case profile != Testing && p.BcryptLogRounds < leastRounds:
		return complaint(key, "must be at least %d outside the testing profile", leastRounds)
	}
	return nil
}

func (j Jobs) check() error {
	if j.Interval < 0 {
		return complaint("jobs.interval", "must not be negative")
	}
	return nil
}

func (g Log) check() error {
	if g.Format != "json" && g.Format != "text" {
		return complaint("log.format", "%q is not one of json, text", short(g.Format))
	}
	return nil
}

func (m Metrics) check(api string) error {
	if m.Addr == "" {
		return nil
	}
	if m.Addr == api {
		return complaint("metrics.addr", "must differ from HTTP_ADDR; to serve /metrics there, set METRICS_TOKEN instead")
	}
	return addressOK("metrics.addr", m.Addr)
}

func (r Redis) check() error {
	text := r.URL.Reveal()
	for _, scheme := range []string{"redis://", "rediss://", "redis+cluster://", "rediss+cluster://"} {
		if strings.HasPrefix(text, scheme) {
			return nil
		}
	}
	if text == "" {
		return nil
	}
	return complaint("redis.url", "must start with redis://, rediss:// or redis+cluster://")
}

// fillDatabase builds the URL from its parts where it is not given whole.
func (l *loading) fillDatabase(d *Database) error {
	switch {
	case !d.URL.Empty():
		return nil
	case d.Postgres.Host != "":
		u := url.URL{Scheme: "postgres", Host: d.Postgres.Host, Path: "/" + d.Postgres.DB, User: url.User(d.Postgres.User)}
		if d.Postgres.Port < 1 || d.Postgres.Port > 65535 {
			return complaint("database.postgres.port", "%d is not a port", d.Postgres.Port)
		}
		u.Host = net.JoinHostPort(d.Postgres.Host, strconv.Itoa(d.Postgres.Port))
		if !d.Postgres.Password.Empty() {
			u.User = url.UserPassword(d.Postgres.User, d.Postgres.Password.Reveal())
		}
		d.URL = secret.New(u.String())
		l.sources["database.url"] = "POSTGRES_*"
	case l.profile == Production:
		return complaint("database.url", "is required in production (or POSTGRES_HOST, POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD)")
	case l.profile == Testing:
		d.URL = secret.New(testingSQLite)
	default:
		d.URL = secret.New(defaultSQLite)
	}
	return nil
}

// check keeps production off SQLite unless that is what its operator wants.
func (d Database) check(production bool) error {
	text := d.URL.Reveal()
	switch {
	case text == "":
		return nil
	case isSQLite(text):
		if production && !d.AllowSQLite {
			return complaint("database.url", "is SQLite, which is for one machine; set ALLOW_SQLITE=true if that is meant")
		}
		return nil
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		if _, err := url.Parse(text); err != nil {
			return complaint("database.url", "is not well-formed; special characters in the password must be percent-encoded")
		}
		return nil
	default:
		return complaint("database.url", "must start with postgres:// or sqlite:")
	}
}

func isSQLite(databaseURL string) bool { return strings.HasPrefix(databaseURL, sqlitePrefix) }

// check wants keys that can be read, and in production keys that nobody else has.
func (k Keys) check(production bool) error {
	var problems []error
	for _, key := range k.all() {
		switch _, err := crypto.ParseKeyring(*key.value); {
		case key.value.Empty() && !production:
		case key.value.Empty():
			problems = append(problems, complaint(key.key, "is required in production; make one with: openssl rand -base64 32"))
		case production && guessable(key.value.Reveal()):
			problems = append(problems, complaint(key.key, "is a default or guessable value; make one with: openssl rand -base64 32"))
		case err != nil:
			problems = append(problems, complaint(key.key, "%v", err))
		}
	}
	return errors.Join(problems...)
}

// guessable reports whether one of the keys is one that documentation shows, or holds
// hardly any randomness: 32 random bytes in any of the forms have many different
// characters and no period.
func guessable(keys string) bool {
	for entry := range strings.SplitSeq(keys, ",") {
		key := strings.TrimSpace(entry[strings.LastIndex(entry, ":")+1:])
		lower := strings.ToLower(key)
		for _, word := range []string{"change", "secret", "default", "example", "your-", "your_", "password", "insecure"} {
			if strings.Contains(lower, word) {
				return true
			}
		}
		for period := 1; period <= len(key)/2; period++ {
			if strings.HasPrefix(key, key[period:]) {
				return true
			}
		}
		letters := []byte(key)
		slices.Sort(letters)
		if len(slices.Compact(letters)) < 10 {
			return true
		}
	}
	return false
}

// rateOK reports whether rate is in ulule's format and lets anything through.
func rateOK(rate string) bool {
	r, err := limiter.NewRateFromFormatted(rate)
	return err == nil && r.Limit > 0 && r.Period > 0
}
