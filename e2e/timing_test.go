package e2e_test

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// A wrong password and an unknown email are answered with the same body and in the same
// time, within 5 % over 200 interleaved samples of each.
//
// It is not parallel on purpose: tests that are not run before all that are, alone. A
// machine that stalls can still skew one round, while a difference in the code is there
// in every one; so a round that misses is followed by up to two more of the same size,
// and then all samples together have to agree.
func TestUnknownAndKnownLookAlike(t *testing.T) { //nolint:paralleltest // see above
	sys := harness.Start(t, harness.Single, harness.Options{Env: map[string]string{"BCRYPT_LOG_ROUNDS": "9"}})
	u := sys.First().Register(t)
	ask := func(email string) time.Duration {
		call := harness.LoginCall(email, "a-wrong-password-of-some-length")
		call.Header = map[string]string{"X-Request-ID": "the-same-for-both"}
		return sys.First().Do(t, call).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR").Took
	}
	bodyOf := func(email string) string {
		call := harness.LoginCall(email, "a-wrong-password-of-some-length")
		call.Header = map[string]string{"X-Request-ID": "the-same-for-both"}
		return string(sys.First().Do(t, call).Body)
	}
	if known, unknown := bodyOf(u.Email), bodyOf("nobody@example.com"); known != unknown {
		t.Errorf("the bodies differ:\n%s\n%s", known, unknown)
	}
	lookAlike(t, ask, u.Email)
}

// Whoever asks for a mail is answered in the same time, whether the address has an account,
// and waits for that mail, or not. It is not parallel for the reason above.
func TestAskingForMailLooksAlike(t *testing.T) { //nolint:paralleltest // see above
	sys := harness.Start(t, harness.Single, harness.Options{})
	u := sys.First().Register(t)
	for name, call := range map[string]func(string) harness.Call{"forgot": forgot, "resend": resend} {
		t.Run(name, func(t *testing.T) {
			lookAlike(t, func(email string) time.Duration { return sys.First().Do(t, call(email)).Want(t, http.StatusOK).Took }, u.Email)
		})
	}
}

// lookAlike compares how long an answer takes about an address that somebody has with how
// long it takes about those that nobody has.
func lookAlike(t *testing.T, ask func(email string) time.Duration, email string) {
	t.Helper()
	const samples = 200
	var known, unknown []time.Duration
	for round := 1; ; round++ {
		for i := range samples {
			nobody := fmt.Sprintf("nobody-%d-%d@example.com", round, i)
			if i%2 == 0 {
				known, unknown = append(known, ask(email)), append(unknown, ask(nobody))
			} else {
				unknown, known = append(unknown, ask(nobody)), append(known, ask(email))
			}
		}
		a, b := median(known), median(unknown)
		off := math.Abs(float64(a-b)) / float64(min(a, b))
		t.Logf("round %d: known %s, unknown %s, %.1f %% apart", round, a, b, off*100)
		if off <= 0.05 {
			return
		}
		if round == 3 {
			t.Fatalf("known %s, unknown %s: %.1f %% apart over %d samples each, want 5 %%", a, b, off*100, len(known))
		}
	}
}

func median(d []time.Duration) time.Duration {
	sorted := slices.Clone(d)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}
