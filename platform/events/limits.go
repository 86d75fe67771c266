package events

// SessionLimitsChanged says that other limits than before may bind the sessions of users,
// because the rules of an organization changed or who belongs to it. Sessions live on, as
// long as the new limits let them.
type SessionLimitsChanged struct {
	UserIDs []string `json:"user_ids"`
}

// Name returns tenancy.session_limits.changed.
func (SessionLimitsChanged) Name() string { return "tenancy.session_limits.changed" }
