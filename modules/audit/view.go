package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/id"
)

// Row is a row of the trail as the API shows it. Personal data that was forgotten is null,
// or absent from metadata.
type Row struct {
	ID             string            `json:"id" format:"uuid"`
	Action         string            `json:"action" doc:"What was done, as a dotted name."`
	ActorID        *string           `json:"actor_id" doc:"The user who acted; null when nobody is known."`
	Actor          *Actor            `json:"actor" doc:"The user who acted, as they are now; null when the account is gone."`
	OrganizationID *string           `json:"organization_id" doc:"The organization that it was done in."`
	ResourceType   *string           `json:"resource_type" doc:"What kind of thing it was done to."`
	ResourceID     *string           `json:"resource_id"`
	IPAddress      *string           `json:"ip_address" doc:"Address of the client."`
	UserAgent      *string           `json:"user_agent"`
	RequestID      *string           `json:"request_id" doc:"The X-Request-ID of the answer."`
	Success        bool              `json:"success" doc:"False for what was refused or failed."`
	ErrorType      *string           `json:"error_type" doc:"The error type that was answered."`
	Metadata       map[string]string `json:"metadata" doc:"More about the act."`
	CreatedAt      time.Time         `json:"created_at"`
}

// Actor is who acted.
type Actor struct {
	_ struct{} `nullable:"true"` // the document's word for a pointer to it

	Email    string  `json:"email" format:"idn-email"`
	FullName *string `json:"full_name"`
}

// reader makes views of the rows of one page.
type reader struct {
	service *Service
	scope   Scope
	// own leaves out every personal detail that is not of the user.
	own bool
	// failed is the first row whose personal data could not be read.
	failed string
	err    error
}

// views shows rows to whoever may read the scope, people filled in by one statement.
func (r *reader) views(ctx context.Context, rows []row) ([]Row, error) {
	people, err := r.people(ctx, rows)
	if err != nil {
		return nil, err
	}
	all := make([]Row, len(rows))
	for i := range rows {
		if all[i], err = r.view(&rows[i]); err != nil {
			return nil, err
		}
		if p, ok := people[rows[i].ActorID]; ok {
			all[i].Actor = &Actor{Email: p.Email, FullName: p.FullName}
		}
	}
	if r.err != nil {
		r.service.log.ErrorContext(ctx, "personal data in the trail could not be read", "entry", r.failed, "err", r.err)
		r.err = nil
	}
	return all, nil
}

// people returns who acted in the rows. An export of somebody's own data is about them
// alone, and asks for nobody.
func (r *reader) people(ctx context.Context, rows []row) (map[string]authn.Person, error) {
	ids := map[string]bool{}
	for i := range rows {
		if _, ok := id.Parse(rows[i].ActorID); ok { // a publisher may have called somebody anything
			ids[rows[i].ActorID] = true
		}
	}
	if r.own || len(ids) == 0 {
		return nil, nil
	}
	people, err := r.service.people.PeopleOf(ctx, r.service.db.Read(), slices.Sorted(maps.Keys(ids)))
	if err != nil {
		return nil, fmt.Errorf("audit: read who acted: %w", err)
	}
	return people, nil
}

// view shows one row.
func (r *reader) view(e *row) (Row, error) {
	v := Row{
		ID: e.ID, Action: e.Action, ActorID: text(e.ActorID), OrganizationID: text(e.OrganizationID), ResourceType: text(e.ResourceType),
		ResourceID: text(e.ResourceID), RequestID: text(e.RequestID), Success: e.Success, ErrorType: text(e.ErrorType),
		Metadata: map[string]string{}, CreatedAt: e.CreatedAt.UTC(),
	}
	if err := json.Unmarshal([]byte(e.Metadata), &v.Metadata); err != nil {
		return v, fmt.Errorf("audit: the metadata of %s: %w", e.ID, err)
	}
	p := r.service.reveal(e, r.note)
	if p.Client != nil && r.showsClient(e) {
		v.IPAddress, v.UserAgent = text(p.Client.Address), text(p.Client.UserAgent)
	}
	if r.showsDetail(e) {
		maps.Copy(v.Metadata, p.Detail)
	}
	return v, nil
}

// note keeps the first failure of a page for the log.
func (r *reader) note(entryID string, err error) {
	if r.err == nil {
		r.failed, r.err = entryID, err
	}
}

// showsClient tells whether address and user agent may be seen. In a user's own trail
// those of other people are not theirs to see.
func (r *reader) showsClient(e *row) bool {
	return r.scope.UserID == "" || e.ActorID == "" || e.ActorID == r.scope.UserID
}

// showsDetail tells whether personal details may be seen: in a user's own trail those of
// what they did themselves, or that are of them.
func (r *reader) showsDetail(e *row) bool {
	switch {
	case r.scope.UserID == "" || e.DetailSubject == subjectUser+r.scope.UserID:
		return true
	case r.own:
		return false
	default:
		return e.ActorID == r.scope.UserID
	}
}

// reveal decrypts the personal data beside a row. What was forgotten stays hidden, also
// while it is still there. What cannot be decrypted is absent, and failed hears of it.
func (s *Service) reveal(e *row, failed func(entryID string, err error)) personal {
	var p personal
	if e.Pending != nil {
		var err error
		if p, err = s.secrets.openPending(e.ID, e.Mac, e.Pending); err != nil {
			failed(e.ID, err)
		}
	} else {
		part := func(name string, content, secret []byte, into any) {
			if err := s.openStored(e.ID, name, content, secret, into, e.subject(name)); err != nil {
				failed(e.ID, err)
			}
		}
		part(partClient, e.ClientContent, e.ClientSecret, &p.Client)
		part(partDetail, e.DetailContent, e.DetailSecret, &p.Detail)
	}
	if e.ClientErased {
		p.Client = nil
	}
	if e.DetailErased {
		p.Detail = nil
	}
	return p
}

// subject returns whose a part is.
func (e *row) subject(part string) string {
	if part == partClient {
		return e.ClientSubject
	}
	return e.DetailSubject
}

// openStored reads a part of audit_personal. Content without a key is forgotten.
func (s *Service) openStored(entryID, part string, content, secret []byte, into any, subject string) error {
	if content == nil || secret == nil {
		return nil
	}
	key, err := s.secrets.openSubject(subject, secret)
	if err != nil {
		return fmt.Errorf("audit: the key of a subject: %w", err)
	}
	plain, err := openPart(key, entryID, part, content)
	if err != nil {
		return err
	}
	if json.Unmarshal(plain, into) != nil {
		return crypto.ErrSealed
	}
	return nil
}
