package tenancy

import (
	"strconv"
	"time"
)

// Organization is an organization as one of its members sees it.
type Organization struct {
	ID          string               `json:"id" format:"uuid"`
	Name        string               `json:"name"`
	Slug        string               `json:"slug" pattern:"^[a-z0-9-]{1,63}$" doc:"Short name, unique among the organizations that there are. It never changes."`
	Description *string              `json:"description"`
	LogoURL     *string              `json:"logo_url"`
	IsActive    bool                 `json:"is_active"`
	Settings    OrganizationSettings `json:"settings"`
	Role        Role                 `json:"role" enum:"owner,admin,member,guest" doc:"Your role in it."`
	CreatedAt   time.Time            `json:"created_at"`
	UpdatedAt   time.Time            `json:"updated_at"`
}

// OrganizationSettings is an empty object, which older clients look for.
type OrganizationSettings struct{}

// organizationRow is a row of tenancy_organizations, with the role of whoever asks.
type organizationRow struct {
	Organization

	// Idle and Absolute are the session policy in seconds; nil says nothing.
	Idle, Absolute *int64
	// Version counts changes of what the organization shows of itself.
	Version int64
}

// etag is the entity tag of an organization as a member with the role sees it. How many
// members there are is no part of it.
func (r *organizationRow) etag() string {
	return `"` + tail(r.ID) + "-" + strconv.FormatInt(r.Version, 10) + "-" + string(r.Role) + `"`
}

// tail is the end of an id, which is its random part: enough to tell entity tags apart.
func tail(id string) string { return id[max(0, len(id)-12):] }

// Change is a wish for one text. The zero value leaves it; a nil Value clears it.
type Change struct {
	Set   bool
	Value *string
}

// apply returns the text after the change.
func (c Change) apply(old *string) *string {
	if c.Set {
		return c.Value
	}
	return old
}

func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// Precondition says whether something with the entity tag is still what the client saw; its
// error is the answer when not.
type Precondition func(etag string) error
