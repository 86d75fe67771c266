package events

// FactorsChanged says that a user, who is held, has other verified second factors than
// before.
type FactorsChanged struct {
	UserID string `json:"user_id"`
}

// Name returns identity.factors.changed.
func (FactorsChanged) Name() string { return "identity.factors.changed" }

// RestrictionLifted says that no organization's deadline keeps these users from anything any
// more: sessions that were begun for setting up a second factor alone are whole.
type RestrictionLifted struct {
	UserIDs []string `json:"user_ids"`
}

// Name returns identity.restriction.lifted.
func (RestrictionLifted) Name() string { return "identity.restriction.lifted" }
