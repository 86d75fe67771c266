package contact_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/contact"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
)

func TestSubmit(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		before := h.Statements()
		got := h.submit(t, func(n *contact.NewEnquiry) {
			n.Name, n.Message = "  Carol Developer ", "Could you\r\nshow us\ryours?\n"
		})
		if n := h.Statements() - before; n > 4 {
			t.Errorf("%d statements; the enquiry and its mail are one each, the job two", n)
		}
		e, err := h.Find(t.Context(), strings.ToUpper(got.ID))
		if err != nil {
			t.Fatal(err)
		}
		company, phone := "Acme", "+49 1"
		if want := (contact.Enquiry{
			ID: got.ID, Type: contact.TypeDemo, Name: "Carol Developer", Email: "carol@example.com", Company: &company, Phone: &phone,
			Message: "Could you\nshow us\nyours?\n", CreatedAt: b.Clock.Now(),
		}); !reflect.DeepEqual(e, want) {
			t.Errorf("stored is %+v, want %+v", e, want)
		}
		if got.Type != e.Type || !got.CreatedAt.Equal(e.CreatedAt) {
			t.Errorf("the receipt is %+v", got)
		}
		want := []events.Fact{{
			Action: "contact.create", ResourceType: "contact_enquiry", ResourceID: e.ID, Success: true,
			Metadata: map[string]string{"enquiry_type": "demo_request"}, Personal: map[string]string{"email": "carol@example.com"},
		}}
		if all := h.facts.take(t); !reflect.DeepEqual(all, want) {
			t.Errorf("the facts are %+v", all)
		}
		if mails := h.trap.Deliver(t.Context()); len(mails) != 1 || mails[0].To != recipient {
			t.Errorf("the mails are %+v", mails)
		}
	})
}

// broken is an outbox that keeps the mail and then fails, so that what it kept must go too.
type broken struct{ mail.Outbox }

var errBroken = errors.New("the outbox is broken")

func (b broken) Send(ctx context.Context, tx bun.Tx, m mail.Message) error {
	if err := b.Outbox.Send(ctx, tx, m); err != nil {
		return err
	}
	return errBroken
}

// There is no enquiry without its mail and its fact, and no mail or fact without it.
func TestOneTransaction(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		failing := false
		h := newHouse(t, b, func(s *setup) {
			working := s.parts.Outbox
			s.parts.Outbox = switched{func() mail.Outbox {
				if failing {
					return broken{working}
				}
				return working
			}}
		})
		failing = true
		if _, err := h.Submit(t.Context(), someone()); !errors.Is(err, errBroken) {
			t.Errorf("a broken outbox: %v", err)
		}
		h.empty(t, "after a broken outbox")

		failing, h.facts.err = false, errors.New("the trail is broken")
		if _, err := h.Submit(t.Context(), someone()); !errors.Is(err, h.facts.err) {
			t.Errorf("a broken trail: %v", err)
		}
		h.empty(t, "after a broken trail")

		h.facts.err = nil
		h.submit(t, func(*contact.NewEnquiry) {})
		if h.rows(t, "contact_enquiries") != 1 || h.rows(t, "platform_mails") != 1 {
			t.Error("nothing arrived once all worked")
		}
	})
}

// switched is an outbox that is another at times.
type switched struct{ now func() mail.Outbox }

func (s switched) Send(ctx context.Context, tx bun.Tx, m mail.Message) error {
	return s.now().Send(ctx, tx, m)
}

// A mail server that is down loses nothing and is noticed by nobody.
func TestMailServerIsDown(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	h := newHouse(t, b)
	h.trap.Fail(errors.New("down"))
	h.submit(t, func(*contact.NewEnquiry) {})
	if mails := h.trap.Deliver(t.Context()); len(mails) != 0 {
		t.Errorf("%d mails were delivered", len(mails))
	}
	h.trap.Fail(nil)
	b.Clock.Advance(60e9)
	if mails := h.trap.Deliver(t.Context()); len(mails) != 1 {
		t.Errorf("%d mails were delivered, want the one that waited", len(mails))
	}
}

func TestSubmitRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	for name, change := range map[string]func(*contact.NewEnquiry){
		"a blank name":         func(n *contact.NewEnquiry) { n.Name = " \u3000\u200b" },
		"a blank message":      func(n *contact.NewEnquiry) { n.Message = " \t\r\n\u00a0        " },
		"no address":           func(n *contact.NewEnquiry) { n.Email = "carol" },
		"a header for address": func(n *contact.NewEnquiry) { n.Email = "carol@example.com\r\nBcc: eve@example.com" },
		"a trap and no name":   func(n *contact.NewEnquiry) { n.Name, n.Website = "", "https://spam.example" },
	} {
		n := someone()
		change(&n)
		if _, err := h.Submit(t.Context(), n); code(err) != "VALIDATION_ERROR" {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.empty(t, "after refusals")
}
