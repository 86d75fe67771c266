package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/config"
)

// complaints returns what is complained of.
func complaints(t *testing.T, o config.Options) []string {
	t.Helper()
	l, err := config.Load(o, sections())
	if err == nil {
		return nil
	}
	if l != nil {
		t.Error("a configuration is returned beside its error")
	}
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		t.Fatalf("the error is a %T: %v", err, err)
	}
	return wrong.Complaints
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	yaml := func(text string) config.Options { return config.Options{File: write(t, "c.yaml", text)} }
	env := func(variables ...string) config.Options { return config.Options{Environ: variables} }
	for name, tc := range map[string]struct {
		options config.Options
		want    string
	}{
		"unknown key":           {yaml("modules: {garden: {naem: x}}"), "c.yaml: modules.garden.naem: unknown key, did you mean name?"},
		"unknown module":        {yaml("modules: {gardne: {name: x}}"), "c.yaml: modules.gardne: unknown module, did you mean garden?"},
		"unknown far module":    {yaml("modules: {foo: {}}"), "c.yaml: modules.foo: unknown module (have garden, shed)"},
		"unknown section":       {yaml("htpp: {addr: ':1'}"), "c.yaml: htpp: unknown key, did you mean http?"},
		"key of an off feature": {yaml("modules: {garden: {gnome: {hat: red}}}"), "c.yaml: modules.garden.gnome.hat: unknown key (have enabled)"},
		"section as value":      {yaml("http: 5"), "c.yaml: http: must be a section of keys, not a value"},
		"value as section":      {yaml("http: {addr: {port: 5}}"), "c.yaml: http.addr: must be a value, not a section"},
		"dotted key":            {yaml("http.addr: ':5'"), "c.yaml: http.addr: write nested keys on lines of their own"},
		"list of modules":       {yaml("modules: [garden]"), "c.yaml: modules: must be a section of keys, not a value"},
		"repeated key":          {yaml("http: {addr: ':1', addr: ':2'}"), `c.yaml: yaml: unmarshal errors:   line 1: mapping key "addr" already defined at line 1`},
		"not YAML":              {yaml("a: b: c"), "c.yaml: yaml: mapping values are not allowed in this context"},
		"not a mapping":         {yaml("- a"), "c.yaml: it must be a mapping of keys to values"},
		"float for number":      {yaml("modules: {garden: {beds: 1.5}}"), "c.yaml: modules.garden.beds: must be a whole number, in quotes if it looks like something else"},
		"float for text":        {yaml("modules: {garden: {name: 1.10}}"), "c.yaml: modules.garden.name: must be a text, in quotes if it looks like something else"},
		"list item":             {yaml("modules: {garden: {paths: [1, x]}}"), `c.yaml: modules.garden.paths: "x" is not a whole number`},
		"map for list":          {yaml("modules: {garden: {paths: 5}}"), "c.yaml: modules.garden.paths: must be a list"},
		"no such file":          {config.Options{File: "/nonexistent/c.yaml"}, "--config: open /nonexistent/c.yaml: no such file or directory"},
		"bad number":            {env("GARDEN_BEDS=many"), `GARDEN_BEDS: "many" is not a whole number`},
		"bad bool":              {env("GARDEN_OPEN=maybe"), `GARDEN_OPEN: "maybe" is not true or false`},
		"bad duration":          {env("WATER_EVERY=soon"), `WATER_EVERY: "soon" is not a number of seconds or a duration such as 15m`},
		"too long":              {env("WATER_EVERY=99999999999999"), `WATER_EVERY: "99999999999999" is not a number of seconds or a duration such as 15m`},
		"bad level":             {env("LOG_LEVEL=loud"), `LOG_LEVEL: "loud" is not one of debug, info, warn, error`},
		"bad format":            {env("LOG_FORMAT=xml"), `log.format (LOG_FORMAT): "xml" is not one of json, text`},
		"bad network":           {env("TRUSTED_PROXIES=10.0.0.0/8,proxy"), `TRUSTED_PROXIES: "proxy" is not a network such as 10.0.0.0/8`},
		"wildcard origin":       {env("CORS_ORIGINS=*"), `http.cors_origins (CORS_ORIGINS): "*" is not an exact origin such as https://app.example.com (lower-case, no path, no wildcard)`},
		"origin with a path":    {env("CORS_ORIGINS=https://a.example/"), `http.cors_origins (CORS_ORIGINS): "https://a.example/" is not an exact origin such as https://app.example.com (lower-case, no path, no wildcard)`},
		"unknown module listed": {env("MODULES=foo,shed"), "modules.foo: there is no such module (have garden, shed)"},
		"origin's default port": {env("CORS_ORIGINS=https://a.example:443"), `http.cors_origins (CORS_ORIGINS): "https://a.example:443" names the default port, which browsers leave out`},
		"bad address":           {env("HTTP_ADDR=5000"), `http.addr (HTTP_ADDR): "5000" is not an address such as :5000 or 127.0.0.1:5000`},
		"bad public URL":        {env("PUBLIC_URL=auth.example.com"), "app.public_url (PUBLIC_URL): must be an address such as https://auth.example.com"},
		"public URL with path":  {env("PUBLIC_URL=http://a/b"), "app.public_url (PUBLIC_URL): must be scheme, host and port only, without user, path or final slash"},
		"bad rate":              {env("RATELIMIT_DIG=often"), `ratelimit.dig (RATELIMIT_DIG): "often" is not a rate such as 30-M (limit, dash, S M H or D)`},
		"rate of nothing":       {env("RATELIMIT_DIG=0-M"), `ratelimit.dig (RATELIMIT_DIG): "0-M" is not a rate such as 30-M (limit, dash, S M H or D)`},
		"cheap hashes":          {env("BCRYPT_LOG_ROUNDS=11"), "password.bcrypt_log_rounds (BCRYPT_LOG_ROUNDS): must be at least 12 outside the testing profile"},
		"no sender":             {env("MAIL_FROM=Authy2"), `mail.from (MAIL_FROM): "Authy2" is not a sender such as Authy2 <no-reply@example.com>`},
		"a header in sender":    {env("MAIL_FROM=a@b.c\r\nBcc: d@e.f"), `mail.from (MAIL_FROM): "a@b.c\r\nBcc: d@e.f" is not a sender such as Authy2 <no-reply@example.com>`},
		"mail server and port":  {env("SMTP_HOST=smtp.example.com:25"), `mail.smtp.host (SMTP_HOST): "smtp.example.com:25" is not a host such as smtp.example.com (the port is SMTP_PORT)`},
		"mail server's address": {env("SMTP_HOST=smtp://smtp.example.com"), `mail.smtp.host (SMTP_HOST): "smtp://smtp.example.com" is not a host such as smtp.example.com (the port is SMTP_PORT)`},
		"mail server's port":    {env("SMTP_PORT=70000"), "mail.smtp.port (SMTP_PORT): 70000 is not a port"},
		"mail server's TLS":     {env("SMTP_TLS=ssl"), `mail.smtp.tls (SMTP_TLS): "ssl" is not one of starttls, tls, none`},
		"clear text elsewhere":  {env("SMTP_HOST=smtp.example.com", "SMTP_TLS=none"), "mail.smtp.tls (SMTP_TLS): none is for a mail server on this machine (localhost); use starttls or tls"},
		"private is elsewhere":  {env("SMTP_HOST=10.0.0.5", "SMTP_TLS=none"), "mail.smtp.tls (SMTP_TLS): none is for a mail server on this machine (localhost); use starttls or tls"},
		"password in clear":     {env("SMTP_HOST=localhost", "SMTP_TLS=none", "SMTP_USERNAME=a", "SMTP_PASSWORD=b"), "mail.smtp.username (SMTP_USERNAME): would travel in clear text: use SMTP_TLS=starttls or tls"},
		"name without password": {env("SMTP_HOST=smtp.example.com", "SMTP_USERNAME=a"), "mail.smtp.username (SMTP_USERNAME): and SMTP_PASSWORD belong together; set both or neither"},
		"no brand":              {yaml("brand: {name: ' '}"), "brand.name (BRAND_NAME): must be one line of 1 to 64 characters"},
		"two lines of brand":    {env("BRAND_NAME=a\nb"), "brand.name (BRAND_NAME): must be one line of 1 to 64 characters"},
		"logo over http":        {env("BRAND_LOGO_URL=http://cdn.example.com/a.png"), "brand.logo_url (BRAND_LOGO_URL): must be an https address such as https://cdn.example.com/logo.png"},
		"logo in the address":   {env("BRAND_LOGO_URL=data:image/png;base64,AA"), "brand.logo_url (BRAND_LOGO_URL): must be an https address such as https://cdn.example.com/logo.png"},
		"colour by name":        {env("BRAND_ACCENT=red"), `brand.accent (BRAND_ACCENT): "red" is not a colour such as #2456c8`},
		"short colour":          {env("BRAND_ACCENT=#06c"), `brand.accent (BRAND_ACCENT): "#06c" is not a colour such as #2456c8`},
		"light colour":          {env("BRAND_ACCENT=#777777"), "brand.accent (BRAND_ACCENT): #777777 is too light for white text: its contrast is 4.47, and must be at least 4.5"},
		"hashes for ever":       {env("BCRYPT_LOG_ROUNDS=31"), "password.bcrypt_log_rounds (BCRYPT_LOG_ROUNDS): must be at most 16"},
		"metrics beside API":    {env("METRICS_ADDR=:5000"), "metrics.addr (METRICS_ADDR): must differ from HTTP_ADDR; to serve /metrics there, set METRICS_TOKEN instead"},
		"unknown database":      {env("DATABASE_URL=mysql://x"), "database.url (DATABASE_URL): must start with postgres:// or sqlite:"},
		"unknown cache":         {env("REDIS_URL=memcached://x"), "redis.url (REDIS_URL): must start with redis://, rediss:// or redis+cluster://"},
		"unknown profile":       {env("APP_ENV=prodution"), `APP_ENV: "prodution" is not one of development, production, testing, did you mean production?`},
		"module's complaint":    {env("GARDEN_BEDS=0"), "modules.garden.beds (GARDEN_BEDS): must be at least 1"},
		"nested complaint":      {env("GARDEN_POND_DEPTH=10"), "modules.garden.pond.depth (GARDEN_POND_DEPTH): must be at most 9"},
		"general complaint":     {yaml("modules: {garden: {name: ''}}"), "modules.garden: a garden needs a name"},
		"secret twice":          {env("GARDEN_KEY=a", "GARDEN_KEY_FILE=/b"), "environment: GARDEN_KEY and GARDEN_KEY_FILE are both set; keep one"},
		"secret's file missing": {env("GARDEN_KEY_FILE=/nonexistent/k"), "environment: GARDEN_KEY_FILE: open /nonexistent/k: no such file or directory"},
		"secret's file empty":   {env("GARDEN_KEY_FILE=" + write(t, "k", "\n")), "environment: GARDEN_KEY_FILE: the file is empty"},
		"malformed key":         {env("SECRET_KEY=short"), "keys.secret_key (SECRET_KEY): key 1 of 1: a key is 64 hexadecimal digits, the base64 of 32 bytes, or 32 printable characters"},
		"malformed .env":        {config.Options{Dir: filepath.Dir(write(t, ".env", "SECRET_KEY s3cret\n"))}, ".env: it cannot be read: every line must be NAME=value"},
		"profile in .env":       {config.Options{Dir: filepath.Dir(write(t, ".env", "APP_ENV=production\n"))}, `.env: it is read in development only and cannot set APP_ENV to "production"; set APP_ENV in the environment`},
		"profile in profile":    {config.Options{Profiles: profiles("app: {env: testing}")}, "development.yaml: app.env: a profile cannot choose the profile; set APP_ENV"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := complaints(t, tc.options)
			for _, one := range got {
				if one == tc.want {
					return
				}
			}
			t.Errorf("complaints = %q\nwant %q", got, tc.want)
		})
	}
}

func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	got := complaints(t, config.Options{
		File:    write(t, "c.yaml", "http: {adr: x}\nmodules: {garden: {beds: many}}"),
		Environ: []string{"GARDEN_OPEN=maybe", "RATELIMIT_DIG=often", "PUBLIC_URL=x", "GARDEN_POND_DEPTH=12"},
	})
	if len(got) != 6 {
		t.Errorf("%d complaints, want 6: %q", len(got), got)
	}
}

func TestProductionNamesEverythingThatIsMissing(t *testing.T) {
	t.Parallel()
	const good = "dGhpcyBpcyBub3QgYSBrZXkgYnV0IDMyIGJ5dGVzISE="
	all := []string{"SECRET_KEY", "ENCRYPTION_KEY", "CA_ENCRYPTION_KEY", "DATABASE_URL", "PUBLIC_URL", "SMTP_HOST"}
	complete := []string{
		"SECRET_KEY=" + good, "ENCRYPTION_KEY=" + good, "CA_ENCRYPTION_KEY=" + good,
		"DATABASE_URL=postgres://db/authy2", "PUBLIC_URL=https://auth.example.com", "SMTP_HOST=smtp.example.com",
	}
	for name, tc := range map[string]struct {
		environ []string
		want    []string
	}{
		"nothing set":             {nil, all},
		"complete":                {complete, nil},
		"database by its parts":   {append(complete[:3:3], "POSTGRES_HOST=db", complete[4], complete[5]), nil},
		"short key":               {append(complete[1:6:6], "SECRET_KEY=short"), []string{"SECRET_KEY"}},
		"documented key":          {append(complete[1:6:6], "SECRET_KEY=change-me-change-me-change-me-32"), []string{"SECRET_KEY"}},
		"monotonous key":          {append(complete[1:6:6], "SECRET_KEY="+strings.Repeat("0", 64)), []string{"SECRET_KEY"}},
		"periodic key":            {append(complete[1:6:6], "SECRET_KEY="+strings.Repeat("0123456789abcdef", 4)), []string{"SECRET_KEY"}},
		"an older default key":    {append(complete[1:6:6], "SECRET_KEY=new:"+good+",old:"+strings.Repeat("a", 64)), []string{"SECRET_KEY"}},
		"SQLite":                  {append(complete[:6:6], "DATABASE_URL=sqlite:data/x.db"), []string{"DATABASE_URL"}},
		"SQLite that is meant":    {append(complete[:6:6], "DATABASE_URL=sqlite:data/x.db", "ALLOW_SQLITE=true"), nil},
		"plain http":              {append(complete[:6:6], "PUBLIC_URL=http://auth.example.com"), []string{"PUBLIC_URL"}},
		"cheap hashes":            {append(complete[:6:6], "BCRYPT_LOG_ROUNDS=4"), []string{"BCRYPT_LOG_ROUNDS"}},
		"no mail server":          {complete[:5:5], []string{"SMTP_HOST"}},
		"no mails that is meant":  {append(complete[:5:5], "MAIL_DISABLED=true"), nil},
		"everything is wrong":     {[]string{"BCRYPT_LOG_ROUNDS=4"}, append(all[:6:6], "BCRYPT_LOG_ROUNDS")},
		"the profile in the file": {nil, all},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := config.Options{Environ: append([]string{"APP_ENV=production"}, tc.environ...), Profiles: profiles("")}
			if name == "the profile in the file" {
				o = config.Options{File: write(t, "c.yaml", "app: {env: production}"), Profiles: profiles("")}
			}
			got := complaints(t, o)
			if len(got) != len(tc.want) {
				t.Errorf("complaints = %q, want %d about %v", got, len(tc.want), tc.want)
			}
			text := strings.Join(got, "\n")
			for _, name := range tc.want {
				if !strings.Contains(text, "("+name+")") {
					t.Errorf("%s is not named in:\n%s", name, text)
				}
			}
		})
	}
}

// TestSecretsAreNeverShown gives secrets in every wrong way and looks for them.
func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	const hush = "hush-hush-value"
	for name, o := range map[string]config.Options{
		"malformed key":        {Environ: []string{"SECRET_KEY=" + hush, "GARDEN_BEDS=0"}},
		"database URL":         {Environ: []string{"DATABASE_URL=mysql://u:" + hush + "@h/d"}},
		"database URL in YAML": {File: write(t, "c.yaml", "database: {url: ['postgres://u:"+hush+"@h']}")},
		"redis URL":            {Environ: []string{"REDIS_URL=redish://:" + hush + "@h"}},
		"secret as section":    {File: write(t, "c.yaml", "keys: {secret_key: {"+hush+": 1.5}}\nx: 1")},
		"file is a scalar":     {File: write(t, "c.yaml", hush)},
		"file is broken":       {File: write(t, "c.yaml", "keys: {secret_key: "+hush+": x")},
		".env is broken":       {Dir: filepath.Dir(write(t, ".env", "SECRET_KEY "+hush))},
		"public URL":           {Environ: []string{"PUBLIC_URL=http://u:" + hush + "@h/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(o, sections())
			if err == nil {
				t.Fatal("it is accepted")
			}
			if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, hush) {
				t.Errorf("the secret is shown: %s", text)
			}
		})
	}
}

func TestDumpShowsNoSecret(t *testing.T) {
	t.Parallel()
	l := load(t, config.Options{Environ: []string{"GARDEN_KEY=hush-hush", "POSTGRES_HOST=db", "POSTGRES_PASSWORD=hush-hush"}})
	dump := l.Dump() + fmt.Sprintf("%+v %#v", l.Platform, l.Module("garden"))
	if strings.Contains(dump, "hush") {
		t.Errorf("a secret is shown:\n%s", dump)
	}
	for _, want := range []string{
		"modules.garden.key: [secret]  (environment)", "database.url: [secret]  (POSTGRES_*)", "modules.garden.water: 3600  (default)",
		"keys.secret_key:   (default)",
	} {
		if !strings.Contains(dump, want+"\n") {
			t.Errorf("%q is not in:\n%s", want, dump)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	rows := map[string]config.Row{}
	for _, r := range load(t, config.Options{Profiles: profiles("log: {format: text}"), Environ: []string{"GARDEN_BEDS=9"}}).Table() {
		rows[r.Env[0]] = r
	}
	for env, want := range map[string]config.Row{
		"BCRYPT_LOG_ROUNDS": {Key: "password.bcrypt_log_rounds", Default: "12; production 13; testing 4"},
		"LOG_FORMAT":        {Key: "log.format", Default: "json; development text"},
		"GARDEN_BEDS":       {Key: "modules.garden.beds", Default: "2"},
		"WATER_EVERY":       {Key: "modules.garden.water", Default: "3600"},
		"GARDEN_KEY":        {Key: "modules.garden.key", Secret: true},
		"RATELIMIT_DIG":     {Key: "ratelimit.dig", Default: "30-M"},
		"MODULES":           {Default: "all"},
		"MODULES_GARDEN_GNOME_ENABLED": {
			Key: "modules.garden.gnome.enabled", Default: "false",
		},
	} {
		got := rows[env]
		if got.Key != want.Key || got.Default != want.Default || got.Secret != want.Secret {
			t.Errorf("%s = %+v, want %+v", env, got, want)
		}
	}
	if got := rows["GARDEN_KEY"].Env; len(got) != 2 || got[1] != "GARDEN_KEY_FILE" {
		t.Errorf("variables of a secret = %v", got)
	}
	for env, r := range rows {
		if r.Doc == "" && !strings.HasPrefix(env, "GARDEN_") {
			t.Errorf("%s has no documentation", env)
		}
	}
}

func TestDeclarationMistakes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		section config.Section
		want    string
	}{
		"no tag": {config.Section{Name: "x", Config: &struct{ A string }{}}, "field A of struct"},
		"no type": {config.Section{Name: "x", Config: &struct {
			A map[string]string `conf:"a"`
		}{}}, "cannot be read from text"},
		"a taken env": {config.Section{Name: "x", Config: &struct {
			A string `conf:"a" env:"APP_ENV"`
		}{}}, "the variable APP_ENV is declared twice"},
		"no struct": {config.Section{Name: "x", Config: 5}, "must be a pointer to a struct"},
		"bad name":  {config.Section{Name: "X-Y"}, "its name must be lower-case"},
		"a switch": {config.Section{Name: "x", Config: &struct {
			A bool `conf:"enabled"`
		}{}}, "modules.x.enabled is declared twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := config.Load(config.Options{}, []config.Section{tc.section}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Load = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestDevelopmentKeys(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	made := func(environ ...string) (*config.Loaded, int) {
		t.Helper()
		l := load(t, config.Options{Environ: environ})
		files, err := l.EnsureDevelopmentKeys(dir, strings.NewReader(strings.Repeat("0123456789abcdef", 8)))
		if err != nil {
			t.Fatal(err)
		}
		return l, len(files)
	}
	const own = "an-own-key-of-32-characters-long"
	first, n := made("ENCRYPTION_KEY=" + own)
	if n != 2 || first.Platform.Keys.Encryption.Reveal() != own || first.Platform.Keys.Secret.Empty() {
		t.Errorf("%d files, keys %q", n, first.Platform.Keys.Encryption.Reveal())
	}
	again, n := made("ENCRYPTION_KEY=" + own)
	if n != 0 || again.Platform.Keys != first.Platform.Keys {
		t.Errorf("the second start made %d keys, or reads others", n)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "secret_key"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("http: {addr: ':5000'}", "GARDEN_BEDS=3\nGARDEN_KEY=hush-hush", "GARDEN_NAME=x")
	f.Add("modules: {garden: {pond: {depth: 99999999999999999999}}}", "=\n\x00=1", "export A='b")
	f.Add("1: {2: 3}\n? [a]\n: b", "MODULES=,", "A=${B}")
	f.Add("&a [*a]", "WATER_EVERY=-1h", "")
	f.Add("keys: {secret_key: !!binary aGVsbG8=}", "TRUSTED_PROXIES=::/0,fe80::1%eth0", "K: v")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, yaml, environ, dotenv string) {
		// Each of the parallel workers is a process of its own, with a folder of its own.
		file := filepath.Join(dir, "c.yaml")
		for path, content := range map[string]string{file: yaml, filepath.Join(dir, ".env"): dotenv} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		l, err := config.Load(config.Options{
			File: file, Dir: dir, Environ: append(strings.Split(environ, "\n"), "GARDEN_KEY=hush-hush-value"),
		}, sections())
		if err != nil {
			var wrong *config.Error
			if !errors.As(err, &wrong) || len(wrong.Complaints) == 0 {
				t.Fatalf("the error is a %T: %v", err, err)
			}
			if strings.Contains(err.Error(), "hush-hush-value") {
				t.Fatalf("a secret is shown: %v", err)
			}
			return
		}
		if strings.Contains(l.Dump(), "hush-hush-value") {
			t.Fatal("a secret is dumped")
		}
	})
}
