package contact

// The actions of this module in the audit trail.
const (
	// ActionCreate is an enquiry that arrived. Nobody is known to have sent it.
	ActionCreate = "contact.create"
	// ActionExport is an operator taking enquiries out.
	ActionExport = "contact.export"
)

// actions is the audit vocabulary of the module.
func actions() []string { return []string{ActionCreate, ActionExport} }

// resourceEnquiry is what the facts of this module are about.
const resourceEnquiry = "contact_enquiry"
