package kernel_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/kernel"
)

// bare is a module of which only name and requirements matter.
func bare(name string, requires ...string) kernel.Module {
	return kernel.Module{Name: name, Requires: requires}
}

func TestNewPlanRefuses(t *testing.T) {
	t.Parallel()
	house := []kernel.Module{bare("sso", "identity", "sessions"), bare("sessions", "identity"), bare("identity"), bare("contact")}
	for name, tc := range map[string]struct {
		all  []kernel.Module
		on   []string
		want []string
	}{
		"nothing":                   {house, nil, []string{"no module is on (have contact, identity, sessions, sso)"}},
		"unknown":                   {house, []string{"identity", "foo"}, []string{"modules.foo: there is no such module (have contact, identity, sessions, sso)"}},
		"missing":                   {house, []string{"identity", "sso"}, []string{"modules.sso is on but modules.sessions, which it requires, is off"}},
		"listed twice":              {house, []string{"identity", "identity"}, []string{"MODULES lists identity twice"}},
		"declared twice":            {append(house, bare("contact")), []string{"contact"}, []string{"the module contact is declared twice"}},
		"itself":                    {[]kernel.Module{bare("a", "a")}, []string{"a"}, []string{"modules.a requires itself"}},
		"requires nothing there is": {[]kernel.Module{bare("a", "ghost")}, []string{"a"}, []string{"modules.a requires modules.ghost, which does not exist"}},
		"circle": {
			[]kernel.Module{bare("c", "a"), bare("b", "c"), bare("a", "b")},
			[]string{"a", "b", "c"},
			[]string{"modules require one another in a circle: a -> b -> c -> a"},
		},
		"a circle beside an itself": {
			[]kernel.Module{bare("a", "a", "b"), bare("b", "a")},
			[]string{"a", "b"},
			[]string{"modules.a requires itself", "modules require one another in a circle: a -> b -> a"},
		},
		"everything at once": {
			append(house, bare("x", "x")),
			[]string{"foo", "sso", "bar"},
			[]string{
				"modules.x requires itself", "modules.foo: there is no such module (have contact, identity, sessions, sso, x)",
				"modules.bar: there is no such module (have contact, identity, sessions, sso, x)",
				"modules.sso is on but modules.identity, which it requires, is off", "modules.sso is on but modules.sessions, which it requires, is off",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := kernel.NewPlan(tc.all, config.Selection{Names: tc.on})
			if err == nil {
				t.Fatalf("the plan is %v", p.Names())
			}
			if got := strings.Split(err.Error(), "\n"); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("problems:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

func TestNewPlanOrders(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		all  []kernel.Module
		on   []string
		want []string
	}{
		"requirements first": {[]kernel.Module{bare("a", "c"), bare("b"), bare("c", "d"), bare("d")}, []string{"a", "b", "c", "d"}, []string{"d", "c", "a", "b"}},
		"otherwise by name":  {[]kernel.Module{bare("c"), bare("a"), bare("b")}, []string{"b", "c", "a"}, []string{"a", "b", "c"}},
		"a diamond":          {[]kernel.Module{bare("a", "b", "c"), bare("b", "d"), bare("c", "d"), bare("d")}, []string{"a", "b", "c", "d"}, []string{"d", "b", "c", "a"}},
		"only what is on":    {[]kernel.Module{bare("a"), bare("b", "a"), bare("c", "a")}, []string{"a", "c"}, []string{"a", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := kernel.NewPlan(tc.all, config.Selection{Names: tc.on})
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Names(); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("order = %v, want %v", got, tc.want)
			}
			for _, m := range tc.all {
				if got, want := p.Has(m.Name), strings.Contains(fmt.Sprint(tc.want), m.Name); got != want {
					t.Errorf("Has(%s) = %v", m.Name, got)
				}
			}
		})
	}
}

func TestFeaturesOfAModuleThatIsOffAreOff(t *testing.T) {
	t.Parallel()
	p, err := kernel.NewPlan([]kernel.Module{bare("a"), bare("b")}, config.Selection{
		Names: []string{"a"}, Features: map[string]map[string]bool{"a": {"x": true, "y": false}, "b": {"z": true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		module, feature string
		want            bool
	}{{"a", "x", true}, {"a", "y", false}, {"a", "unknown", false}, {"b", "z", false}, {"c", "x", false}} {
		if got := p.Features(tc.module).On(tc.feature); got != tc.want {
			t.Errorf("%s.%s is on: %v, want %v", tc.module, tc.feature, got, tc.want)
		}
	}
}

func TestDefineHandsOverTheSettings(t *testing.T) {
	t.Parallel()
	var got toyConfig
	m := kernel.Define(kernel.Module{Name: "bear"}, func() toyConfig { return toyConfig{Greeting: "hello"} },
		func(cfg toyConfig, _ kernel.Features) fx.Option { got = cfg; return fx.Options() })
	for name, tc := range map[string]struct {
		given any
		want  string
	}{"defaults": {nil, "hello"}, "given": {&toyConfig{Greeting: "hi"}, "hi"}} {
		m.Build(kernel.Built{Config: tc.given})
		if got.Greeting != tc.want {
			t.Errorf("%s: greeting = %q, want %q", name, got.Greeting, tc.want)
		}
	}
	if err := fx.New(fx.NopLogger, m.Build(kernel.Built{Config: 5})).Err(); err == nil || !strings.Contains(err.Error(), "settings of type int") {
		t.Errorf("settings of another type: %v", err)
	}
}
