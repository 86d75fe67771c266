package audit

import (
	"encoding/binary"
	"time"
)

// Entry is a row of the trail, without the personal data beside it. Empty strings are
// stored as null. It is written once and never changed.
type Entry struct {
	ID             string
	CreatedAt      time.Time // as the database keeps it: UTC, microseconds
	Action         string
	ActorID        string
	OrganizationID string
	ResourceType   string
	ResourceID     string
	Success        bool
	ErrorType      string
	RequestID      string
	TraceID        string
	// Metadata is a JSON object of strings, its names sorted, "{}" when there is none.
	Metadata string
	// ClientSubject and DetailSubject name whose the address and user agent, and the
	// personal details, are; empty when the row has none. See [subjectOf].
	ClientSubject string
	DetailSubject string
}

// canonicalVersion is the first byte of every canonical row. A change of the form gets
// another one, and old rows keep theirs.
const canonicalVersion = 1

// canonical is the one form in which a row is hashed: every field in order, each behind
// its length, so that no two rows share a form.
func (e *Entry) canonical() []byte {
	b := make([]byte, 0, 512)
	b = append(b, canonicalVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(e.CreatedAt.UnixMicro()))
	if e.Success {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	for _, field := range []string{
		e.ID, e.Action, e.ActorID, e.OrganizationID, e.ResourceType, e.ResourceID, e.ErrorType,
		e.RequestID, e.TraceID, e.Metadata, e.ClientSubject, e.DetailSubject,
	} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
		b = append(b, field...)
	}
	return b
}

// personal is the personal data of one row, as it waits in pending. Its parts move to
// audit_personal when the row is sealed.
type personal struct {
	// Client is where the request came from; nil when unknown.
	Client *clientPart `json:"client,omitzero"`
	// Detail is metadata that describes a person; nil when there is none.
	Detail map[string]string `json:"detail,omitzero"`
}

// clientPart is the part "client".
type clientPart struct {
	Address   string `json:"address,omitzero"`
	UserAgent string `json:"user_agent,omitzero"`
}

// The parts of personal data.
const (
	partClient = "client"
	partDetail = "detail"
)
