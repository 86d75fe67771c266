package contact_test

import (
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/authy2/backend/modules/contact"
	"github.com/authy2/backend/platform/platformtest"
)

// TestContract is not parallel, as the contract asks.
func TestContract(t *testing.T) { //nolint:paralleltest // it counts goroutines
	platformtest.Contract(t, contact.Module(), fx.Options(
		platformtest.AnyToken(),
		fx.Provide(func() contact.People { return contact.NoPeople{} }),
	))
}

func TestConfig(t *testing.T) {
	t.Parallel()
	if c := contact.DefaultConfig(); c.Recipient != "info@secuird.tech" || c.Acknowledge || c.RetentionDays != 365 {
		t.Errorf("the defaults are %+v", c)
	}
	for name, tc := range map[string]struct {
		change func(*contact.Config)
		want   string
	}{
		"the defaults":      {func(*contact.Config) {}, ""},
		"for ever":          {func(c *contact.Config) { c.RetentionDays = 0 }, ""},
		"no recipient":      {func(c *contact.Config) { c.Recipient = "" }, "recipient"},
		"a named recipient": {func(c *contact.Config) { c.Recipient = "Sales <sales@example.com>" }, "recipient"},
		"two recipients":    {func(c *contact.Config) { c.Recipient = "a@example.com,b@example.com" }, "recipient"},
		"a header":          {func(c *contact.Config) { c.Recipient = "a@example.com\nBcc: b@example.com" }, "recipient"},
		"negative":          {func(c *contact.Config) { c.RetentionDays = -1 }, "retention_days"},
		"beyond time":       {func(c *contact.Config) { c.RetentionDays = 36_501 }, "retention_days"},
	} {
		c := contact.DefaultConfig()
		tc.change(&c)
		err := c.Validate()
		if (err == nil) != (tc.want == "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	both := contact.Config{RetentionDays: -1}
	if err := both.Validate(); err == nil || !strings.Contains(err.Error(), "recipient") || !strings.Contains(err.Error(), "retention_days") {
		t.Errorf("not every complaint at once: %v", err)
	}
}
