package platformtest_test

import (
	"testing"

	"github.com/authy2/backend/platform/platformtest"
)

func TestBackends(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		before := b.Statements()
		var id string
		if err := b.DB.Read().NewSelect().Table("platform_state").Column("instance_id").Scan(t.Context(), &id); err != nil {
			t.Fatal(err)
		}
		if len(id) != 32 {
			t.Errorf("instance id %q", id)
		}
		if n := b.Statements() - before; n != 1 {
			t.Errorf("%d statements, want 1", n)
		}
	})
}
