package audit

import "github.com/authy2/backend/platform/events"

// The prefixes of subjects: whose personal data it is.
const (
	// subjectUser is a user, by id.
	subjectUser = "user:"
	// subjectEmail is somebody without an account, by a keyed hash of their address.
	subjectEmail = "email:"
	// subjectEntry is nobody who is known: a key of the row's own.
	subjectEntry = "entry:"
)

// resourceUser is the type of resource that is a user.
const resourceUser = "user"

// personalEmail is the name under which an address travels in a fact.
const personalEmail = "email"

// subjectOf tells whose the address and user agent of a fact are, and whose its personal
// details. Those of an act belong to who acted. Where nobody is known to have acted, as in
// a failed log-in, they belong to the account it was aimed at, else to the address that
// was given, else to nobody but the row.
func (s *secrets) subjectOf(f *events.Fact, entryID string) (client, detail string) {
	email := ""
	if address := f.Personal[personalEmail]; address != "" {
		email = s.emailSubjects(address)[0]
	}
	switch {
	case f.ActorID != "":
		client = subjectUser + f.ActorID
	case f.ResourceType == resourceUser && f.ResourceID != "":
		client = subjectUser + f.ResourceID
	case email != "":
		client = email
	default:
		client = subjectEntry + entryID
	}
	switch {
	case f.PersonalOf != "":
		detail = subjectUser + f.PersonalOf
	case email != "":
		detail = email
	default:
		detail = client
	}
	return client, detail
}
