package config

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/authy2/backend/platform/secret"
)

// The profiles. Each has a file of its own in the binary.
const (
	Development = "development"
	Testing     = "testing"
	Production  = "production"
)

// Platform is the part of the configuration that belongs to no module.
type Platform struct {
	App       App       `conf:"app"`
	HTTP      HTTP      `conf:"http"`
	Database  Database  `conf:"database"`
	Redis     Redis     `conf:"redis"`
	Keys      Keys      `conf:"keys"`
	Password  Password  `conf:"password"`
	RateLimit RateLimit `conf:"ratelimit"`
	Jobs      Jobs      `conf:"jobs"`
	Mail      Mail      `conf:"mail"`
	Brand     Brand     `conf:"brand"`
	Log       Log       `conf:"log"`
	Metrics   Metrics   `conf:"metrics"`
}

// App is the installation as a whole.
type App struct {
	Env       string `conf:"env" env:"APP_ENV" doc:"Profile: development, testing or production. Production refuses missing or default secrets, SQLite without ALLOW_SQLITE, a plain-http PUBLIC_URL, and to start without SMTP_HOST or MAIL_DISABLED."`
	PublicURL string `conf:"public_url" env:"PUBLIC_URL" doc:"Address that clients use. Links, the issuer and redirect URIs derive from it, never from the Host header."`
}

// HTTP is the listening side.
type HTTP struct {
	Addr           string         `conf:"addr" env:"HTTP_ADDR" doc:"Address to listen on, host:port; an empty host listens on every interface."`
	TrustedProxies []netip.Prefix `conf:"trusted_proxies" env:"TRUSTED_PROXIES" doc:"Networks (CIDR, comma separated) of the proxies whose X-Forwarded-* headers are believed."`
	CORSOrigins    []string       `conf:"cors_origins" env:"CORS_ORIGINS" doc:"Exact origins (comma separated) whose scripts may call the API from a browser."`
}

// Database says where the data is.
type Database struct {
	URL         secret.String `conf:"url" env:"DATABASE_URL" doc:"postgres://… or sqlite:<path>. Without it the POSTGRES_ variables are used when POSTGRES_HOST is set, and sqlite:data/authy2.db otherwise (production: required)."`
	AutoMigrate bool          `conf:"auto_migrate" env:"DATABASE_AUTO_MIGRATE" doc:"Apply outstanding migrations at start. Without it, run authy2 db upgrade."`
	AllowSQLite bool          `conf:"allow_sqlite" env:"ALLOW_SQLITE" doc:"Let production run on SQLite, that is on one machine."`
	Postgres    Postgres      `conf:"postgres"`
}

// Postgres builds the database URL from its parts.
type Postgres struct {
	Host     string        `conf:"host" env:"POSTGRES_HOST" doc:"Host of PostgreSQL, used when DATABASE_URL is not set."`
	Port     int           `conf:"port" env:"POSTGRES_PORT" doc:"Port of PostgreSQL."`
	DB       string        `conf:"db" env:"POSTGRES_DB" doc:"Name of the database."`
	User     string        `conf:"user" env:"POSTGRES_USER" doc:"Role to connect as."`
	Password secret.String `conf:"password" env:"POSTGRES_PASSWORD" doc:"Password of the role."`
}

// Redis says where the shared cache is.
type Redis struct {
	URL secret.String `conf:"url" env:"REDIS_URL" doc:"redis:// or rediss:// (add master_name= for Sentinel), or redis+cluster://. Empty keeps the cache and the limits inside the process, which is for one process only."`
}

// Keys are the master keys.
type Keys struct {
	Secret       secret.String `conf:"secret_key" env:"SECRET_KEY" doc:"Master key of signatures and keyed hashes: <id>:<key>[,<id>:<older key>…] or one bare key, each 64 hexadecimal digits, the base64 of 32 bytes or 32 characters. Generated into data/ outside production."`
	Encryption   secret.String `conf:"encryption_key" env:"ENCRYPTION_KEY" doc:"Master key of data sealed at rest; the form of SECRET_KEY. The first key seals, all of them open."`
	CAEncryption secret.String `conf:"ca_encryption_key" env:"CA_ENCRYPTION_KEY" doc:"Master key of the private keys of certificate authorities; the form of SECRET_KEY."`
}

// Password is how passwords are hashed.
type Password struct {
	BcryptLogRounds int `conf:"bcrypt_log_rounds" env:"BCRYPT_LOG_ROUNDS" doc:"Cost of bcrypt, 12 to 16; the testing profile may use 4."`
}

// RateLimit is the fixed windows and the growing delay of failed sign-ins.
type RateLimit struct {
	Enabled bool `conf:"enabled" env:"RATELIMIT_ENABLED" doc:"Count calls at all. Off also switches the growing delay of failed sign-ins off."`
	// Rates are the rates in force, by name of the limit, as the operator or the
	// module that declared the limit set them.
	Rates map[string]string `conf:"-"`
}

// Jobs is the work outside requests.
type Jobs struct {
	InProcess bool          `conf:"in_process" env:"JOBS_IN_PROCESS" doc:"Work on jobs inside the server. Without it, authy2 jobs work does it in a process of its own."`
	Name      string        `conf:"name" env:"JOB_NAME" doc:"Job that authy2 jobs run runs when it is called without arguments."`
	Interval  time.Duration `conf:"interval" env:"JOB_INTERVAL_SECONDS" doc:"Seconds between two runs of JOB_NAME; 0 runs it once."`
}

// Log is what operators read.
type Log struct {
	Level  slog.Level `conf:"level" env:"LOG_LEVEL" doc:"Least level that is logged: debug, info, warn or error."`
	Format string     `conf:"format" env:"LOG_FORMAT" doc:"json or text."`
}

// Metrics is what operators scrape. Without address and token there is no /metrics.
type Metrics struct {
	Addr  string        `conf:"addr" env:"METRICS_ADDR" doc:"Address of a listener of its own for /metrics, host:port. The API does not serve it then."`
	Token secret.String `conf:"token" env:"METRICS_TOKEN" doc:"Bearer token that /metrics asks for. Without it and without METRICS_ADDR there is no /metrics."`
}

// Defaults returns the settings of an installation that sets nothing, in the
// development profile's name but without what the profile's file adds.
func Defaults() Platform {
	return Platform{
		App:       App{Env: Development, PublicURL: "http://localhost:5000"},
		HTTP:      HTTP{Addr: ":5000"},
		Database:  Database{Postgres: Postgres{Port: 5432, DB: "authy2", User: "authy2"}},
		Password:  Password{BcryptLogRounds: 12},
		RateLimit: RateLimit{Enabled: true},
		Jobs:      Jobs{InProcess: true},
		Mail:      Mail{Dir: "data/mail", From: "Authy2 <no-reply@localhost>", SMTP: SMTP{TLS: StartTLS}},
		Brand:     Brand{Name: "Authy2", Accent: "#2456c8"},
		Log:       Log{Level: slog.LevelInfo, Format: "json"},
	}
}

// Production reports whether this is the production profile.
func (p Platform) Production() bool { return p.App.Env == Production }

// SQLite reports whether the data is in a SQLite file.
func (d Database) SQLite() bool { return isSQLite(d.URL.Reveal()) }
