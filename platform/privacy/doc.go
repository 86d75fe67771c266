// Package privacy collects what the system holds on a person from the modules that hold
// it, without any of them knowing the others.
//
// What may be touched: a module adds its own section through an [Exporter]. Sections
// that belong to a module that is off do not appear.
package privacy
