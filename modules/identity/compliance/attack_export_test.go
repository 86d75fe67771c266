package compliance_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/platformtest"
)

// An export has all that is kept of a user: also what was decided about them alone, and when
// they were reminded.
func TestExportIsWhole(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		bob := h.users(t, 1)[0]
		h.enter(t, club, "member", bob)
		_, err := h.SetOverride(t.Context(), owner, club, bob, compliance.Override{Mode: compliance.OverrideRequired, ForceTOTP: true})
		must(t, err)
		must(t, h.Remind(t.Context(), owner, club, bob))
		h.Clock.Advance(14 * dayLong)
		h.enforce(t)
		for userID, want := range map[string]int{bob: 1, owner: 0} {
			section, err := h.Exporter().Export(t.Context(), userID)
			must(t, err)
			text, err := json.Marshal(section)
			must(t, err)
			var got struct {
				Overall string `json:"overall_status"`
				Kept    []struct {
					Organization string     `json:"organization_id"`
					Override     string     `json:"mfa_override_mode"`
					TOTP         bool       `json:"force_totp"`
					Suspended    *time.Time `json:"suspended_at"`
					Notified     *time.Time `json:"last_notified_at"`
					Count        int        `json:"notification_count"`
				} `json:"memberships"`
			}
			must(t, json.Unmarshal(text, &got))
			if got.Overall == "" || got.Kept == nil || len(got.Kept) != want {
				t.Fatalf("the export of %s is %s", userID, text)
			}
			if want == 0 {
				continue
			}
			if one := got.Kept[0]; one.Organization != club || one.Override != "required" || !one.TOTP || one.Suspended == nil || one.Notified == nil || one.Count != 1 {
				t.Errorf("the export is %s", text)
			}
		}
	})
}
