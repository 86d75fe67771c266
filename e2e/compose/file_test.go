package compose_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/compose"
	"github.com/authy2/backend/e2e/harness"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func example(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "configs", ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	env, err := compose.ParseEnv(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func load(t *testing.T, extra ...string) *compose.File {
	t.Helper()
	env := example(t)
	env["POSTGRES_PASSWORD"] = "made-by-prepare"
	for i := 0; i < len(extra); i += 2 {
		env[extra[i]] = extra[i+1]
	}
	f, err := compose.Load(filepath.Join(root(t), "docker", "compose.yaml"), env)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func image(t *testing.T) *compose.Image {
	t.Helper()
	i, err := compose.LoadImage(filepath.Join(root(t), "docker", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// ours reports whether a service runs the binary.
func ours(s *compose.Service) bool { return s.Build != nil }

// Neither file names a file that is not there.
func TestFilesExist(t *testing.T) {
	t.Parallel()
	docker := filepath.Join(root(t), "docker")
	exists := func(what, path string) {
		t.Helper()
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for name, s := range load(t).Services {
		if ours(s) {
			exists(name+": Dockerfile", filepath.Join(docker, s.Build.Context, s.Build.Dockerfile))
			if got, want := filepath.Join(docker, s.Build.Context), root(t); got != want {
				t.Errorf("%s: the context is %s, and .dockerignore lies in %s", name, got, want)
			}
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			switch {
			case strings.HasPrefix(source, "./"):
				exists(name+": volume", filepath.Join(docker, source))
			case strings.HasPrefix(source, "../data/"): // made by prepare.sh
			case !strings.Contains(source, "/"):
				if _, ok := load(t).Volumes[source]; !ok {
					t.Errorf("%s: there is no volume %s", name, source)
				}
			default:
				t.Errorf("%s: volume %s", name, v)
			}
		}
	}
	for _, source := range image(t).Sources {
		exists("COPY", filepath.Join(root(t), source))
	}
	exists("the context", filepath.Join(root(t), ".dockerignore"))
	exists("the package that is built", filepath.Join(root(t), "cmd", "authy2"))
	if !strings.Contains(image(t).Text, "./cmd/authy2\n") && !strings.Contains(image(t).Text, "./cmd/authy2 ") {
		t.Error("the Dockerfile does not build ./cmd/authy2")
	}
}

// keys are the variables that the binary reads, by its own account.
func keys(t *testing.T) []string {
	t.Helper()
	out, code := harness.Run(t, t.TempDir(), map[string]string{"APP_ENV": "testing"}, "config", "table")
	if code != 0 {
		t.Fatalf("config table: %s", out)
	}
	var names []string
	for line := range strings.Lines(out) {
		if _, rest, ok := strings.Cut(line, "| `"); ok {
			name, _, _ := strings.Cut(rest, "`")
			names = append(names, name)
			if strings.Contains(line, "Secret:") {
				names = append(names, name+"_FILE")
			}
		}
	}
	if len(names) < 20 {
		t.Fatalf("only %d settings in:\n%s", len(names), out)
	}
	return names
}

// Every variable is a setting of the binary, or one of the few that Docker, the images of
// others and the compose file itself are for.
func TestVariablesAreKnown(t *testing.T) {
	t.Parallel()
	known := keys(t)
	own := []string{
		"AUTHY2_VERSION", "AUTHY2_COMMIT", "AUTHY2_DATE", "EDGE_SUBNET", "TRUST_DIR", "MAILPIT_PORT",
		"NGINX_HTTP_PORT", "NGINX_HTTPS_PORT", "NGINX_HEALTH_PORT", "NGINX_TLS_DIR", "NGINX_USER",
	}
	docker := []string{"COMPOSE_FILE", "COMPOSE_PROFILES"}
	foreign := map[string][]string{
		"nginx":   {"NGINX_ENVSUBST_FILTER", "NGINX_ENVSUBST_OUTPUT_DIR"},
		"mailpit": {"MP_SMTP_BIND_ADDR", "MP_SMTP_TLS_CERT", "MP_SMTP_TLS_KEY", "MP_SMTP_REQUIRE_STARTTLS"},
	}
	f := load(t)
	for name, s := range f.Services {
		for variable := range s.Environment {
			if !slices.Contains(known, variable) && !slices.Contains(foreign[name], variable) {
				t.Errorf("%s: nothing reads %s", name, variable)
			}
		}
	}
	for _, variable := range f.Variables {
		if !slices.Contains(known, variable) && !slices.Contains(own, variable) {
			t.Errorf("the compose file asks for %s, which is no setting", variable)
		}
	}
	for variable := range image(t).Env {
		if !slices.Contains(known, variable) && variable != "PATH" {
			t.Errorf("the image sets %s, which nothing reads", variable)
		}
	}
	// The template of .env, lines that are commented out included.
	text, err := os.ReadFile(filepath.Join(root(t), "configs", ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		name, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "#"), "=")
		if ok && name != "" && !strings.Contains(name, " ") {
			shown[name] = true
			if !slices.Contains(known, name) && !slices.Contains(own, name) && !slices.Contains(docker, name) {
				t.Errorf(".env.example: nothing reads %s", name)
			}
		}
	}
	for _, name := range f.Variables {
		if !shown[name] && !strings.HasPrefix(name, "AUTHY2_") && !strings.HasPrefix(name, "JOB_") {
			t.Errorf(".env.example does not show %s", name)
		}
	}
}

// The template as it is keeps a development server free of warnings, and docker compose
// from starting without a password.
func TestTemplateOfEnv(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(root(t), "configs", ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".env"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := harness.Run(t, dir, nil, "config", "check", "--json")
	var check struct {
		Profile  string
		Warnings []string
	}
	if err := json.Unmarshal([]byte(out), &check); err != nil || code != 0 || check.Profile != "development" || len(check.Warnings) > 0 {
		t.Errorf("%d %v: %s", code, err, out)
	}
	if _, err := compose.Load(filepath.Join(root(t), "docker", "compose.yaml"), example(t)); err == nil || !strings.Contains(err.Error(), "POSTGRES_PASSWORD") {
		t.Errorf("without a password: %v", err)
	}
}

// What keeps a container from doing more than it must.
func TestContainersAreConfined(t *testing.T) {
	t.Parallel()
	f := load(t, "COMPOSE_PROFILES", "dev")
	for name, s := range f.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s is not confined", name)
		}
		if user := strings.SplitN(s.User, ":", 2)[0]; user == "" || user == "0" || user == "root" {
			t.Errorf("%s runs as %q", name, s.User)
		}
		if len(s.Networks) == 0 {
			t.Errorf("%s is on the network that is everybody's", name)
		}
		for _, n := range s.Networks {
			if _, ok := f.Networks[n]; !ok {
				t.Errorf("%s: there is no network %s", name, n)
			}
		}
		for other, d := range s.DependsOn {
			if f.Services[other] == nil {
				t.Errorf("%s waits for %s, which is not there", name, other)
			} else if h := f.Services[other].Healthcheck; d.Condition == "service_healthy" && (h.Disable || (len(h.Test) == 0 && !ours(f.Services[other]))) {
				t.Errorf("%s waits until %s is healthy, which nobody checks", name, other)
			}
		}
		if name != "nginx" && name != "mailpit" && len(s.Ports) > 0 {
			t.Errorf("%s can be reached from outside: %v", name, s.Ports)
		}
		if ours(s) && (s.User != image(t).User || s.Environment["APP_ENV"] != "production") {
			t.Errorf("%s: user %s, profile %s", name, s.User, s.Environment["APP_ENV"])
		}
	}
	if !f.Networks["data"].Internal || slices.Contains(f.Services["nginx"].Networks, "data") {
		t.Error("the databases can be reached from outside")
	}
	if edge := f.Networks["edge"].IPAM.Config; len(edge) != 1 || edge[0].Subnet != f.Services["api"].Environment["TRUSTED_PROXIES"] {
		t.Errorf("the network of the proxies is %v, and %s is trusted", edge, f.Services["api"].Environment["TRUSTED_PROXIES"])
	}
	for name, s := range f.Services {
		if slices.Contains(s.Networks, "edge") && name != "nginx" && name != "api" {
			t.Errorf("%s is where X-Forwarded-For is believed", name)
		}
	}
	i := image(t)
	if i.Bases[len(i.Bases)-1] != "scratch" || i.User != "65532:65532" || !slices.Equal(i.Ports, []string{"5000"}) ||
		!slices.Equal(i.Health, []string{"authy2", "healthcheck"}) || !slices.Equal(i.Entrypoint, []string{"authy2"}) {
		t.Errorf("the image: %+v", i)
	}
	if got := f.Active(); slices.Index(got, "migrate") > slices.Index(got, "api") || slices.Contains(got, "mailpit") || slices.Contains(got, "job") || got[len(got)-1] != "nginx" {
		t.Errorf("without profiles these start: %v", got)
	}
	if got := f.Active("dev"); !slices.Contains(got, "mailpit") {
		t.Errorf("with the profile dev these start: %v", got)
	}
}

// The builder is of the workspace's Go version.
func TestBuilderVersion(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimPrefix(strings.TrimSpace(string(out)), "go")
	minor := strings.Join(strings.SplitN(version, ".", 3)[:2], ".")
	if base := image(t).Bases[0]; !strings.HasPrefix(base, "golang:"+minor+"-") {
		t.Errorf("the image is built with %s, this with Go %s", base, version)
	}
}

func TestInterpolate(t *testing.T) {
	t.Parallel()
	env := map[string]string{"A": "a", "EMPTY": ""}
	for text, want := range map[string]string{
		"plain": "plain", "${A}": "a", "x${A}y${A}": "xaya", "${EMPTY:-d}": "d", "${NONE:-https://x:1/y}": "https://x:1/y",
		"$$A ${NONE}": "$A ", "${A:-d}": "a", "${A:?no}": "a",
	} {
		if got, err := compose.Interpolate(text, env, nil); err != nil || got != want {
			t.Errorf("%q = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"$A", "${A", "${NONE:?is missing}", "${a}", "${}", "${A:+b}"} {
		if got, err := compose.Interpolate(text, nil, nil); err == nil {
			t.Errorf("%q = %q without an error", text, got)
		}
	}
}
