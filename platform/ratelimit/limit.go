package ratelimit

// Limit is a named fixed window. Operators change it with RATELIMIT_<NAME>.
type Limit struct {
	// Name is lower-case with underscores, unique in the system: "login".
	Name string
	// Default is the rate in ulule's format <limit>-<period>: "30-M" is thirty a minute,
	// periods S, M, H and D.
	Default string
	// Doc says what is counted, by which key, for the configuration table.
	Doc string
}
