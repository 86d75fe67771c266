package contact

import (
	"strings"
	"time"
	"unicode"

	"github.com/authy2/backend/platform/httpx"
)

// Type is what an enquiry is about.
type Type string

// The types of enquiries.
const (
	TypeDemo    Type = "demo_request"
	TypeSales   Type = "sales_enquiry"
	TypeGeneral Type = "general"
	TypeSupport Type = "support"
)

// types are all of them.
func types() []Type { return []Type{TypeDemo, TypeSales, TypeGeneral, TypeSupport} }

// title is what people call the type.
func (t Type) title() string {
	switch t {
	case TypeDemo:
		return "Demo request"
	case TypeSales:
		return "Sales enquiry"
	case TypeSupport:
		return "Support request"
	case TypeGeneral:
	}
	return "General enquiry"
}

// Enquiry is what somebody wrote. Company and Phone are nil when they gave none.
type Enquiry struct {
	ID        string    `json:"id" bun:"id"`
	Type      Type      `json:"enquiry_type" bun:"enquiry_type"`
	Name      string    `json:"name" bun:"name"`
	Email     string    `json:"email" bun:"email"` // in normal form
	Company   *string   `json:"company" bun:"company"`
	Phone     *string   `json:"phone" bun:"phone"`
	Message   string    `json:"message" bun:"message"`
	CreatedAt time.Time `json:"created_at" bun:"created_at"`
}

// Receipt is what the sender of an enquiry is told.
type Receipt struct {
	ID        string    `json:"id" format:"uuid" doc:"Name of the enquiry, to refer to it by. It cannot be read."`
	Type      Type      `json:"enquiry_type" enum:"demo_request,sales_enquiry,general,support"`
	CreatedAt time.Time `json:"created_at"`
}

// NewEnquiry is what somebody sends.
type NewEnquiry struct {
	Type                 Type
	Name, Email, Message string
	// Company and Phone may be empty.
	Company, Phone string
	// Website is empty in every enquiry that a person sends.
	Website string
}

// normal returns the enquiry in the form in which it is kept, and what is wrong with it
// beyond what the document can say.
func (n NewEnquiry) normal() (Enquiry, map[string][]string) {
	complaints := map[string][]string{}
	email, ok := httpx.NormalEmail(n.Email)
	if !ok {
		complaints["email"] = []string{"Not a valid email address."}
	}
	if blank(n.Name) {
		complaints["name"] = []string{"Length must be between 1 and 255."}
	}
	if blank(n.Message) {
		complaints["message"] = []string{"Length must be between 10 and 10000."}
	}
	return Enquiry{
		Type: n.Type, Name: strings.TrimSpace(n.Name), Email: email, Company: optional(n.Company), Phone: optional(n.Phone),
		Message: strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(n.Message),
	}, complaints
}

// blank reports whether there is nothing to be seen of s.
func blank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
}

// optional returns a text that need not be there.
func optional(s string) *string {
	if blank(s) {
		return nil
	}
	s = strings.TrimSpace(s)
	return &s
}
