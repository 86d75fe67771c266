package main

import (
	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/modules/contact"
	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/kernel"
)

// modules lists every module that this binary has.
func modules() []kernel.Module {
	return []kernel.Module{
		audit.Module(),
		contact.Module(),
		identity.Module(),
		sessions.Module(),
		tenancy.Module(),
	}
}
