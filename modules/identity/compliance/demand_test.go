package compliance_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/authy2/backend/modules/identity/compliance"
)

// holdings are every set of factors.
func holdings() []compliance.Held {
	return []compliance.Held{{}, {TOTP: true}, {Passkey: true}, {TOTP: true, Passkey: true}}
}

// overrides are every override that an administrator can give.
func overrides() (all []compliance.Override) {
	for _, mode := range compliance.OverrideModes() {
		for _, totp := range []bool{false, true} {
			for _, passkey := range []bool{false, true} {
				all = append(all, compliance.Override{Mode: mode, ForceTOTP: totp, ForceWebAuthn: passkey})
			}
		}
	}
	return all
}

func TestDemand(t *testing.T) {
	t.Parallel()
	const none compliance.Mode = ""
	required := func(totp, passkey bool) compliance.Override {
		return compliance.Override{Mode: compliance.OverrideRequired, ForceTOTP: totp, ForceWebAuthn: passkey}
	}
	exempt, inherit := compliance.Override{Mode: compliance.OverrideExempt}, compliance.Override{}
	for _, c := range []struct {
		policy compliance.Mode
		o      compliance.Override
		mode   compliance.Mode
		// missing is what those with nothing, an app, a passkey and both miss.
		missing [4]string
	}{
		{none, inherit, compliance.ModeDisabled, [4]string{}},
		{none, exempt, compliance.ModeDisabled, [4]string{}},
		{none, required(false, false), compliance.ModeEither, [4]string{"totp webauthn", "", "", ""}},
		{none, required(true, false), compliance.ModeTOTP, [4]string{"totp", "", "totp", ""}},
		{compliance.ModeDisabled, inherit, compliance.ModeDisabled, [4]string{}},
		{compliance.ModeDisabled, required(false, false), compliance.ModeEither, [4]string{"totp webauthn", "", "", ""}},
		{compliance.ModeOptional, inherit, compliance.ModeOptional, [4]string{}},
		{compliance.ModeOptional, exempt, compliance.ModeDisabled, [4]string{}},
		{compliance.ModeOptional, required(false, false), compliance.ModeEither, [4]string{"totp webauthn", "", "", ""}},
		{compliance.ModeOptional, required(false, true), compliance.ModeWebAuthn, [4]string{"webauthn", "webauthn", "", ""}},
		{compliance.ModeOptional, required(true, true), compliance.ModeTOTP, [4]string{"totp webauthn", "webauthn", "totp", ""}},
		{compliance.ModeTOTP, inherit, compliance.ModeTOTP, [4]string{"totp", "", "totp", ""}},
		{compliance.ModeTOTP, exempt, compliance.ModeDisabled, [4]string{}},
		{compliance.ModeTOTP, required(false, false), compliance.ModeTOTP, [4]string{"totp", "", "totp", ""}},
		{compliance.ModeTOTP, required(false, true), compliance.ModeTOTP, [4]string{"totp webauthn", "webauthn", "totp", ""}},
		{compliance.ModeWebAuthn, inherit, compliance.ModeWebAuthn, [4]string{"webauthn", "webauthn", "", ""}},
		{compliance.ModeWebAuthn, required(true, false), compliance.ModeWebAuthn, [4]string{"totp webauthn", "webauthn", "totp", ""}},
		{compliance.ModeWebAuthn, required(false, true), compliance.ModeWebAuthn, [4]string{"webauthn", "webauthn", "", ""}},
		{compliance.ModeEither, inherit, compliance.ModeEither, [4]string{"totp webauthn", "", "", ""}},
		{compliance.ModeEither, exempt, compliance.ModeDisabled, [4]string{}},
		{compliance.ModeEither, required(false, false), compliance.ModeEither, [4]string{"totp webauthn", "", "", ""}},
		{compliance.ModeEither, required(true, false), compliance.ModeTOTP, [4]string{"totp", "", "totp", ""}},
		{compliance.ModeEither, required(false, true), compliance.ModeWebAuthn, [4]string{"webauthn", "webauthn", "", ""}},
		{compliance.ModeEither, required(true, true), compliance.ModeTOTP, [4]string{"totp webauthn", "webauthn", "totp", ""}},
	} {
		d := compliance.DemandOf(c.policy, c.o)
		if d.Mode != c.mode {
			t.Errorf("%q under %+v is %s, want %s", c.policy, c.o, d.Mode, c.mode)
		}
		for i, held := range holdings() {
			missing := strings.Join(d.Missing(held), " ")
			if missing != c.missing[i] || d.Satisfied(held) != (missing == "") {
				t.Errorf("%q under %+v with %+v misses %q, want %q", c.policy, c.o, held, missing, c.missing[i])
			}
		}
	}
}

// TestFlagsAlone: flags count with required alone, and exempt asks nothing.
func TestFlagsAlone(t *testing.T) {
	t.Parallel()
	for _, mode := range append(compliance.Modes(), "") {
		for _, o := range overrides() {
			d := compliance.DemandOf(mode, o)
			name := fmt.Sprintf("%q under %+v", mode, o)
			switch o.Mode {
			case compliance.OverrideExempt:
				if d.Required() {
					t.Errorf("%s asks for something", name)
				}
			case compliance.OverrideInherit:
				if d != compliance.DemandOf(mode, compliance.Override{}) {
					t.Errorf("%s heeds the flags", name)
				}
			default:
				if !d.Required() || o.ForceTOTP && !d.TOTP || o.ForceWebAuthn && !d.WebAuthn {
					t.Errorf("%s asks for too little: %+v", name, d)
				}
			}
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	if compliance.Mode("").Valid() || compliance.Mode("required").Valid() || compliance.Status("").Valid() || compliance.OverrideMode("").Valid() {
		t.Error("names that there are not are valid")
	}
	for _, m := range compliance.Modes() {
		if !m.Valid() || m.Requires() != strings.HasPrefix(string(m), "require_") {
			t.Errorf("mode %s", m)
		}
	}
	worst := compliance.StatusCompliant
	for _, s := range compliance.Statuses() {
		if !s.Valid() {
			t.Errorf("status %s", s)
		}
		worst = worst.Worse(s)
	}
	if worst != compliance.StatusSuspended || compliance.StatusCompliant.Worse(compliance.StatusNotApplicable) != compliance.StatusCompliant {
		t.Error("the worst status is not the worst")
	}
	unsatisfied := slices.DeleteFunc(compliance.Statuses(), func(s compliance.Status) bool { return !s.Unsatisfied() })
	if fmt.Sprint(unsatisfied) != "[in_grace past_due suspended]" {
		t.Errorf("unsatisfied are %v", unsatisfied)
	}
}
