package config_test

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/ratelimit"
	"github.com/authy2/backend/platform/secret"
)

// garden is a section with one of every kind of setting.
type garden struct {
	Name   string        `conf:"name" doc:"What it is called."`
	Beds   int           `conf:"beds" doc:"How many beds."`
	Open   bool          `conf:"open"`
	Water  time.Duration `conf:"water" env:"WATER_EVERY" doc:"How often."`
	Plants []string      `conf:"plants"`
	Paths  []int         `conf:"paths"`
	Key    secret.String `conf:"key" env:"GARDEN_KEY"`
	Pond   pond          `conf:"pond"`
	Hidden string        `conf:"-"`
}

type pond struct {
	Depth int64 `conf:"depth"`
}

func (g garden) Validate() error {
	var problems []error
	if g.Beds < 1 {
		problems = append(problems, errors.New("beds: must be at least 1"))
	}
	if g.Pond.Depth > 9 {
		problems = append(problems, errors.New("pond.depth: must be at most 9"))
	}
	if g.Name == "" {
		problems = append(problems, errors.New("a garden needs a name"))
	}
	return errors.Join(problems...)
}

func sections() []config.Section {
	return []config.Section{
		{
			Name: "garden", Doc: "Grows things.", Config: &garden{Name: "eden", Beds: 2, Water: time.Hour},
			Features: []config.Feature{{Name: "fence", Doc: "Keeps deer out."}, {Name: "gnome", Doc: "Watches.", Off: true}},
			Limits:   []ratelimit.Limit{{Name: "dig", Default: "30-M", Doc: "Digging by address."}},
		},
		{Name: "shed", Doc: "Keeps tools."},
	}
}

func profiles(development string) fstest.MapFS {
	return fstest.MapFS{
		"development.yaml": {Data: []byte(development)},
		"testing.yaml":     {Data: []byte("password: {bcrypt_log_rounds: 4}")},
		"production.yaml":  {Data: []byte("password: {bcrypt_log_rounds: 13}")},
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, o config.Options) *config.Loaded {
	t.Helper()
	l, err := config.Load(o, sections())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func gardenOf(t *testing.T, l *config.Loaded) garden {
	t.Helper()
	g, ok := l.Module("garden").(*garden)
	if !ok {
		t.Fatalf("Module(garden) is a %T", l.Module("garden"))
	}
	return *g
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	const profile = "modules: {garden: {name: profile}}"
	file := write(t, "own.yaml", "modules: {garden: {name: file}}")
	dir := filepath.Dir(write(t, ".env", "GARDEN_NAME=dotenv\nexport GARDEN_BEDS=7 # comment\n"))
	for name, tc := range map[string]struct {
		options config.Options
		want    string
		source  string
	}{
		"default":                    {config.Options{Profiles: profiles("")}, "eden", "default"},
		"profile":                    {config.Options{Profiles: profiles(profile)}, "profile", "development.yaml"},
		"another profile":            {config.Options{Profiles: profiles(profile), Profile: config.Testing}, "eden", "default"},
		"file over profile":          {config.Options{Profiles: profiles(profile), File: file}, "file", "own.yaml"},
		".env over file":             {config.Options{Profiles: profiles(profile), File: file, Dir: dir}, "dotenv", ".env"},
		".env in development only":   {config.Options{Profile: config.Testing, File: file, Dir: dir}, "file", "own.yaml"},
		"environment over all":       {config.Options{Profiles: profiles(profile), File: file, Dir: dir, Environ: []string{"GARDEN_NAME=env"}}, "env", "environment"},
		"an empty variable is unset": {config.Options{Profiles: profiles(profile), Environ: []string{"GARDEN_NAME= "}}, "profile", "development.yaml"},
		"the last variable wins":     {config.Options{Environ: []string{"GARDEN_NAME=one", "GARDEN_NAME=two"}}, "two", "environment"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := load(t, tc.options)
			if got := gardenOf(t, l).Name; got != tc.want {
				t.Errorf("name = %q, want %q", got, tc.want)
			}
			for _, s := range l.Settings() {
				if s.Key == "modules.garden.name" && s.Source != tc.source {
					t.Errorf("source = %q, want %q", s.Source, tc.source)
				}
			}
		})
	}
}

func TestEveryKindOfValue(t *testing.T) {
	t.Parallel()
	want := garden{
		Name: "kew", Beds: 3, Open: true, Water: 90 * time.Minute, Plants: []string{"rose", "oak"}, Paths: []int{1, 2},
		Key: secret.New("s3cret"), Pond: pond{Depth: 5},
	}
	file := write(t, "c.yaml", `
modules:
  garden:
    name: kew
    beds: 3
    open: yes
    water: 1h30m
    plants: [rose, oak]
    paths: [1, 2]
    key: s3cret
    pond: {depth: 5}
    gnome: {enabled: true}
ratelimit: {dig: 5-H}
http: {trusted_proxies: [10.0.0.0/8, 192.0.2.1]}
log: {level: warning}
`)
	environ := []string{
		"GARDEN_NAME=kew", "GARDEN_BEDS= 3 ", "GARDEN_OPEN=on", "WATER_EVERY=5400", "GARDEN_PLANTS=rose, oak,", "GARDEN_PATHS=1,2",
		"GARDEN_KEY=s3cret", "GARDEN_POND_DEPTH=5", "MODULES_GARDEN_GNOME_ENABLED=1", "RATELIMIT_DIG=5-H",
		"TRUSTED_PROXIES=10.1.2.3/8,192.0.2.1", "LOG_LEVEL=WARN",
	}
	for name, o := range map[string]config.Options{"yaml": {File: file}, "environment": {Environ: environ}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := load(t, o)
			if got := gardenOf(t, l); !reflect.DeepEqual(got, want) {
				t.Errorf("garden = %+v, want %+v", got, want)
			}
			if !l.Selection.Features["garden"]["gnome"] || !l.Selection.Features["garden"]["fence"] {
				t.Errorf("features = %v", l.Selection.Features)
			}
			if got := l.Platform.RateLimit.Rates["dig"]; got != "5-H" {
				t.Errorf("rate = %q", got)
			}
			proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32")}
			if got := l.Platform.HTTP.TrustedProxies; !reflect.DeepEqual(got, proxies) {
				t.Errorf("proxies = %v", got)
			}
			if l.Platform.Log.Level != slog.LevelWarn {
				t.Errorf("level = %v", l.Platform.Log.Level)
			}
		})
	}
}

func TestDefaultsAreNotWrittenTo(t *testing.T) {
	t.Parallel()
	declared := sections()
	if _, err := config.Load(config.Options{Environ: []string{"GARDEN_NAME=changed"}}, declared); err != nil {
		t.Fatal(err)
	}
	if got, ok := declared[0].Config.(*garden); !ok || got.Name != "eden" {
		t.Errorf("the section's defaults are %+v", got)
	}
}

func TestSelection(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		options config.Options
		want    []string
	}{
		"everything":              {config.Options{}, []string{"garden", "shed"}},
		"one switched off":        {config.Options{Environ: []string{"MODULES_SHED_ENABLED=false"}}, []string{"garden"}},
		"MODULES wins":            {config.Options{Environ: []string{"MODULES_SHED_ENABLED=false", "MODULES=shed"}}, []string{"shed"}},
		"modules.<name>.enabled":  {config.Options{File: write(t, "c.yaml", "modules: {garden: {enabled: false}}")}, []string{"shed"}},
		"settings of an off one":  {config.Options{Environ: []string{"MODULES=shed", "GARDEN_BEDS=0"}}, []string{"shed"}},
		"MODULES with blanks too": {config.Options{Environ: []string{"MODULES= garden , shed "}}, []string{"garden", "shed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := load(t, tc.options).Selection.Names; !reflect.DeepEqual(got, tc.want) {
				t.Errorf("names = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestNearMissesWarn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		variable string
		want     string
	}{
		"one letter missing": {"WATR_EVERY", "WATER_EVERY"},
		"two letters":        {"GARDN_KY_FILE", "GARDEN_KEY_FILE"},
		"letters swapped":    {"GARDEN_NAEM", "GARDEN_NAME"},
		"another case":       {"garden_name", "GARDEN_NAME"},
		"far away":           {"WATERFALL_EVERYWHERE", ""},
		"a short name":       {"MODULE", "MODULES"},
		"short and far":      {"MODEL", ""},
		"exact":              {"GARDEN_NAME", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := load(t, config.Options{Environ: []string{tc.variable + "=x"}}).Warnings
			switch {
			case tc.want == "" && len(got) > 0:
				t.Errorf("warnings = %v, want none", got)
			case tc.want != "" && (len(got) != 1 || !strings.Contains(got[0], tc.variable+" is not read; did you mean "+tc.want+"?")):
				t.Errorf("warnings = %v, want one that suggests %s", got, tc.want)
			}
		})
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	path := write(t, "key", "from file\n")
	for name, o := range map[string]config.Options{
		"environment": {Environ: []string{"GARDEN_KEY_FILE=" + path}},
		"yaml":        {File: write(t, "c.yaml", "modules: {garden: {key_file: '"+path+"'}}")},
		"over a lower layer": {
			File: write(t, "c.yaml", "modules: {garden: {key: lower}}"), Environ: []string{"GARDEN_KEY_FILE=" + path},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := gardenOf(t, load(t, o)).Key.Reveal(); got != "from file" {
				t.Errorf("key = %q", got)
			}
		})
	}
}

func TestDatabaseURL(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environ []string
		want    string
	}{
		"development":          {nil, "sqlite:data/authy2.db"},
		"testing":              {[]string{"APP_ENV=testing"}, "sqlite:data/testing.db"},
		"given":                {[]string{"DATABASE_URL=postgres://u@h/d", "POSTGRES_HOST=other"}, "postgres://u@h/d"},
		"from its parts":       {[]string{"POSTGRES_HOST=db", "POSTGRES_PORT=6000", "POSTGRES_DB=a b", "POSTGRES_USER=me", "POSTGRES_PASSWORD=p@ss/w:d"}, "postgres://me:p%40ss%2Fw%3Ad@db:6000/a%20b"},
		"parts with defaults":  {[]string{"POSTGRES_HOST=::1"}, "postgres://authy2@[::1]:5432/authy2"},
		"parts without a host": {[]string{"POSTGRES_PASSWORD=x"}, "sqlite:data/authy2.db"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := load(t, config.Options{Environ: tc.environ}).Platform.Database.URL.Reveal(); got != tc.want {
				t.Errorf("url = %q, want %q", got, tc.want)
			}
		})
	}
}
