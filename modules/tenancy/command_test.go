package tenancy_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/platformtest"
)

// run runs authy2 with the arguments.
func run(t *testing.T, h *house, args ...string) (string, error) {
	t.Helper()
	for _, c := range tenancy.Commands(h.Service) {
		if c.Name() != args[0] {
			continue
		}
		var out bytes.Buffer
		c.PersistentFlags().Bool("json", false, "")
		c.SetOut(&out)
		c.SetErr(&out)
		c.SetArgs(args[1:])
		c.SilenceUsage = true
		err := c.ExecuteContext(t.Context())
		return out.String(), err
	}
	t.Fatalf("there is no command %s", args[0])
	return "", nil
}

func TestCommands(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		acme, gone := h.found(t, ann, "Acme"), h.found(t, ann, "Gone")
		bob := h.join(t, ann, acme.ID, "bob", tenancy.RoleGuest)
		if err := h.Delete(t.Context(), ann, gone.ID, anyTag); err != nil {
			t.Fatal(err)
		}
		line := acme.ID + "\tacme\t2\tAcme\n"
		for _, c := range []struct{ args, want string }{
			{"orgs list", line},
			{"orgs show acme", line},
			{"orgs show " + strings.ToUpper(acme.ID), line},
			{"orgs members acme", ann + "\tann@example.com\towner\tactive\n" + bob + "\tbob@example.com\tguest\tactive\n"},
		} {
			if got, err := run(t, h, strings.Fields(c.args)...); err != nil || got != c.want {
				t.Errorf("%s: %q, %v; want %q", c.args, got, err, c.want)
			}
		}
		if got, err := run(t, h, "orgs", "list", "--json"); err != nil || !strings.Contains(got, `"slug":"acme","member_count":2`) {
			t.Errorf("as JSON: %s, %v", got, err)
		}
		for _, args := range []string{"orgs show gone", "orgs members nothing", "orgs show " + bob} {
			if _, err := run(t, h, strings.Fields(args)...); code(err) != "NOT_FOUND" {
				t.Errorf("%s: %v", args, err)
			}
		}
	})
}
