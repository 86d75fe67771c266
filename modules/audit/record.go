package audit

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
)

// The lengths to which the texts of a row are cut, in bytes. Nothing that a publisher
// says makes a use case fail.
const (
	longestAction   = 100
	longestID       = 255
	longestClient   = 512
	longestMetadata = 8 << 10
)

// record writes a fact in the transaction that makes it true, with one statement.
func (s *Service) record(ctx context.Context, tx bun.Tx, f events.Fact) error {
	s.warnUndeclared(ctx, f.Action)
	e, p := s.entryOf(&f, authn.ClientFrom(ctx))
	mac := s.secrets.rowMAC(&e)
	pending, err := s.secrets.sealPending(e.ID, mac, &p)
	if err != nil {
		return err
	}
	return s.store.add(ctx, tx, &e, mac, pending)
}

// entryOf makes a row of a fact, and the personal data beside it.
func (s *Service) entryOf(f *events.Fact, c authn.Client) (Entry, personal) {
	tidy(f)
	e := Entry{
		ID: s.ids.New(), CreatedAt: s.now(), Action: f.Action, ActorID: f.ActorID, OrganizationID: f.OrganizationID,
		ResourceType: f.ResourceType, ResourceID: f.ResourceID, Success: f.Success, ErrorType: f.ErrorType,
		RequestID: bounded(c.RequestID, longestID), TraceID: bounded(c.TraceID, longestID),
	}
	metadata, _ := boundedMap(f.Metadata)
	e.Metadata = metadata
	var p personal
	client, detail := s.secrets.subjectOf(f, e.ID)
	if c.Address.IsValid() || c.UserAgent != "" {
		p.Client = &clientPart{UserAgent: bounded(c.UserAgent, longestClient)}
		if c.Address.IsValid() {
			p.Client.Address = c.Address.Unmap().WithZone("").String()
		}
		e.ClientSubject = client
	}
	if len(f.Personal) > 0 {
		_, p.Detail = boundedMap(f.Personal)
		e.DetailSubject = detail
	}
	return e, p
}

// tidy bounds the texts of a fact and makes them ones that every database takes.
func tidy(f *events.Fact) {
	for _, t := range []struct {
		text    *string
		longest int
	}{
		{&f.Action, longestAction},
		{&f.ActorID, longestID},
		{&f.OrganizationID, longestID},
		{&f.ResourceType, longestAction},
		{&f.ResourceID, longestID},
		{&f.ErrorType, longestAction},
		{&f.PersonalOf, longestID},
	} {
		*t.text = bounded(*t.text, t.longest)
	}
}

// warnUndeclared says once that a module records an action it did not declare: whoever
// reads the vocabulary would not look for it.
func (s *Service) warnUndeclared(ctx context.Context, action string) {
	if s.bus.Declared(action) {
		return
	}
	if _, said := s.undeclared.LoadOrStore(bounded(action, longestAction), true); !said {
		s.log.WarnContext(ctx, "an action is recorded that no module declares", "action", bounded(action, longestAction))
	}
}
