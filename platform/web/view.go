package web

import "github.com/authy2/backend/platform/secret"

// View is what a page shows. Everything in it is text; the zero value of a part leaves it
// out.
type View struct {
	// Status is the HTTP status; 0 means 200.
	Status int
	// Title is the heading, and what the browser's window is called. It is needed, and
	// tells this state of the page from its others.
	Title string
	// Tone is what the reader is to feel about it.
	Tone Tone
	// Lines are the paragraphs below the heading.
	Lines []string
	// Facts are what the page is about, each with a name.
	Facts []Fact
	// Form is what the reader may do; nil for nothing.
	Form *Form
	// Notes are smaller paragraphs at the end.
	Notes []string
	// Wrong is what is wrong with the fields of a form that was sent, by their names, in
	// sentences. What is said of a name that no field has is said above the form.
	Wrong map[string][]string
}

// Tone is the mood of a page.
type Tone int

// The tones.
const (
	// Plain asks or tells something.
	Plain Tone = iota
	// Done says that something succeeded.
	Done
	// Stop says that something cannot be done.
	Stop
)

// Fact is a value with its name.
type Fact struct{ Name, Value string }

// Form is what a reader may send. It is posted to the page's own path.
type Form struct {
	// Token goes with it.
	Token secret.String
	// Fields are what the reader fills in; none for a mere confirmation.
	Fields []Field
	// Button says what sending the form does.
	Button string
}

// Field is one line of input.
type Field struct {
	// Name is the name of the value, and of what may be wrong with it.
	Name string
	// Label is what the reader is asked for; Hint says more.
	Label, Hint string
	// Type is that of HTML: text, email or password.
	Type string
	// Autocomplete says what it is to password managers and assistive programs (WCAG 2.2
	// §1.3.5), such as new-password.
	Autocomplete string
	// Value is what the field holds at first. That of a password is never shown.
	Value string
	// Required fields must be filled in.
	Required bool
	// Silent fields are not shown. They tell a password manager which account a new
	// password is for, which a fact tells the reader; what is sent for them must not be
	// believed.
	Silent bool
	// MinLength is the fewest characters; 0 for any.
	MinLength int
}
