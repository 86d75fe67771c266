package config

import "github.com/authy2/backend/platform/ratelimit"

// Validator is a section that can tell what is wrong with it. Complaints are joined with
// [errors.Join] and start with the key they are about: "idle_timeout: must be positive".
type Validator interface{ Validate() error }

// Section describes the configuration of one module.
type Section struct {
	// Name is the module's name; its keys live under modules.<name>.
	Name string
	// Doc is one line for the table of settings.
	Doc string
	// Features are the parts of the module that have a switch of their own.
	Features []Feature
	// Limits are the rate limits that the module declares.
	Limits []ratelimit.Limit
	// Config is a pointer to a struct with the defaults, or nil. It is copied, not
	// written to.
	Config any
}

// Feature is a part of a module that is switched by modules.<module>.<name>.enabled.
type Feature struct {
	// Name is lower-case with underscores, unique in the module.
	Name string
	// Doc says what the module does not do without it.
	Doc string
	// Off leaves the feature out unless it is asked for.
	Off bool
}

// Selection is which modules and features the operator asked for.
type Selection struct {
	// Names are the modules that are on, sorted unless MODULES lists them. Names that
	// MODULES gives are not checked here: that is the plan's business.
	Names []string
	// Features tells for each module which of its features are on.
	Features map[string]map[string]bool
}
