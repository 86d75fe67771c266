// Package compliance holds what organizations ask of their members' second factors, and how
// each member stands to it.
//
//	policy, override, membership, factors ──▶ [judge] ──▶ identity_mfa_members ──▶ deadline
//	                                                                     │
//	             every request of every session ◀── RestrictedFrom ◀─────┘
//
// # Rules that must hold
//
// A row is judged in the transaction of whatever it depends on, under a hold of its user, or
// by the worker that walks an organization's members after its policy changed. A deadline
// needs nobody to pass: sessions compare it with the clock. The job only marks, suspends and
// reminds. Reading writes nothing.
//
// What may be touched: this package knows neither sessions nor tenancy; what it needs of them
// is in ports.go.
package compliance
