package identity

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/authy2/backend/platform/authn"
)

// account returns the row as the snapshot that is kept beside sessions.
func (r *userRow) account() (authn.Account, error) {
	profile, err := json.Marshal(r.user())
	if err != nil {
		return authn.Account{}, fmt.Errorf("identity: write a profile: %w", err)
	}
	return authn.Account{
		UserID: r.ID, Email: r.Email, EmailVerified: r.EmailVerified, Status: string(r.Status),
		CredentialVersion: r.CredentialVersion, ETag: r.etag(), Profile: profile,
		SecondFactor: r.SecondFactor, RestrictedFrom: r.RestrictedFrom,
	}, nil
}

// etag returns the entity tag of the profile: the random end of the id and the version.
// Sign-ins do not change it.
func (r *userRow) etag() string {
	tail := r.ID[max(0, len(r.ID)-12):]
	return `"` + tail + "-" + strconv.FormatInt(r.Version, 10) + `"`
}
