package audit_test

import (
	"testing"
	"time"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/platformtest"
)

func TestSealAndVerify(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		v := newVault(t, b)
		if s := v.verify(t); s != (audit.Summary{}) {
			t.Errorf("an empty trail: %+v", s)
		}
		v.seal(t, 0)
		v.publish(t, deeds(12)...)
		if s := v.verify(t); s.UnsealedRows != 12 || s.Seals != 0 {
			t.Errorf("before the first seal: %+v", s)
		}
		v.seal(t, 12)
		v.publish(t, deeds(7)...)
		v.seal(t, 7)
		v.publish(t, deeds(3)...)
		s := v.verify(t)
		if s.Seals != 2 || s.Rows != 19 || s.UnsealedRows != 3 || s.LastSeal != 2 || len(s.LastHead) != 64 {
			t.Errorf("%+v", s)
		}
		rows, _ := v.page(t, audit.Scope{OrganizationID: acme}, audit.Filter{Action: "thing.done"}, nil, 50)
		for _, r := range rows {
			if r.IPAddress == nil || *r.IPAddress != "203.0.113.7" {
				t.Errorf("a row shows no address: %+v", r)
			}
		}
		before := b.Statements()
		v.seal(t, 3)
		t.Logf("%d statements for a seal", b.Statements()-before)
		late, err := v.sealing.Verify(t.Context(), audit.VerifyOptions{Since: b.Clock.Now().Add(-2 * time.Second)})
		if err != nil || late.Seals != 3 || late.Rows != 3 && late.Rows != 0 {
			t.Errorf("since lately: %+v, %v", late, err)
		}
	})
}
