// Package contact takes enquiries of anybody: a request for a demo, a question about
// prices, anything. An enquiry is stored, and mailed to whoever the operator names.
//
// # Rules that must hold
//
// The row, the mail and the fact for the audit trail are one transaction: there is none of
// them without the others, and a mail server that is down loses nothing.
//
// Nothing that a stranger writes becomes part of a mail's header but their address, which
// is judged like every address of the system, and their name, which is one line. Nothing
// that they write is mailed to an address that they choose: an acknowledgement repeats
// neither the message nor the name, so that it carries nobody's words to somebody else.
//
// The field website is for programs that fill in whatever they find. An enquiry that has
// something in it is answered like any other, and is nowhere.
//
// # Forgetting
//
// Enquiries are removed when they are as old as they are kept, and those of an address
// when the account that has it is deleted. Both that and the export of an account's data
// ask for proof that the account owned the address: anybody can register somebody else's,
// and would see or remove what that person wrote. An operator who deletes an account is
// asked for none. What is deleted while this module is off stays until its age removes it,
// since nobody keeps the address of an account that is gone.
//
// What may be touched: the body and the answer are a contract with clients, the columns of
// the export one with whoever reads it; the table contact_enquiries is this module's own,
// and nobody else reads or writes it.
package contact
