package contact

import (
	"context"
	"net/http"
	"time"

	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/ratelimit"
)

// tag groups the operations of this module in the document.
const tag = "Contact"

// limitContact bounds how many enquiries come from one client address.
const limitContact = "contact"

func limits() []ratelimit.Limit {
	return []ratelimit.Limit{{Name: limitContact, Default: "5-H", Doc: "Enquiries from one client address."}}
}

// handler is the HTTP side of the service.
type handler struct{ service *Service }

// endpoints declares every operation.
func (h handler) endpoints() []httpx.Endpoint {
	return []httpx.Endpoint{httpx.Op(httpx.Operation{
		ID: "create-contact-enquiry", Method: http.MethodPost, Path: "/api/v1/contact", Access: httpx.Public,
		Limits: []string{limitContact}, Status: http.StatusCreated, Idempotent: true,
		Summary: "Enquiry received", Tag: tag,
		Description: "Sends an enquiry to the people behind this installation, who answer to the given address. " +
			"It cannot be read or changed afterwards.",
		BodyExample: exampleBody(), ResultExample: EnquiryResult{Enquiry: exampleReceipt()},
	}, h.create, h.judgeCreate)}
}

// EnquiryBody is the body of an enquiry. Its website is a trap for programs that fill in
// whatever they find; pages hide it from people.
type EnquiryBody struct {
	Type    Type                   `json:"enquiry_type" enum:"demo_request,sales_enquiry,general,support"`
	Name    string                 `json:"name" minLength:"1" maxLength:"255" doc:"Name of the sender, one line."`
	Email   string                 `json:"email" format:"idn-email" maxLength:"255" doc:"Address that the answer goes to. It is lower-cased."`
	Message string                 `json:"message" minLength:"10" maxLength:"10000" format:"multiline" doc:"May hold line breaks and tabs."`
	Company httpx.Optional[string] `json:"company,omitzero" maxLength:"255"`
	Phone   httpx.Optional[string] `json:"phone,omitzero" maxLength:"32"`
	Website httpx.Optional[string] `json:"website,omitzero" format:"multiline" doc:"Leave it out or empty. A form has this field where people do not see it."`
}

// enquiry returns what the body says.
func (b EnquiryBody) enquiry() NewEnquiry {
	return NewEnquiry{
		Type: b.Type, Name: b.Name, Email: b.Email, Message: b.Message,
		Company: text(b.Company.Value), Phone: text(b.Phone.Value), Website: text(b.Website.Value),
	}
}

// EnquiryResult is an enquiry that arrived.
type EnquiryResult struct {
	Enquiry Receipt `json:"enquiry"`
}

type createInput struct{ Body EnquiryBody }

// judgeCreate complains beside the document's rules.
func (h handler) judgeCreate(in *createInput) map[string][]string {
	_, complaints := in.Body.enquiry().normal()
	return complaints
}

func (h handler) create(ctx context.Context, in *createInput) (*httpx.Reply[EnquiryResult], error) {
	receipt, err := h.service.Submit(ctx, in.Body.enquiry())
	if err != nil {
		return nil, err
	}
	return httpx.OK(EnquiryResult{Enquiry: receipt}), nil
}

// The examples of the document.

func exampleBody() EnquiryBody {
	company := "Acme Corporation"
	return EnquiryBody{
		Type: TypeDemo, Name: "Carol Developer", Email: "carol@acme-corp.com",
		Message: "We are 40 people and look for a way to sign in.\nCould you show us yours next week?",
		Company: httpx.Optional[string]{Set: true, Value: &company},
	}
}

func exampleReceipt() Receipt {
	return Receipt{
		ID: "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30", Type: TypeDemo, CreatedAt: time.Date(2026, time.November, 24, 9, 0, 0, 0, time.UTC),
	}
}
