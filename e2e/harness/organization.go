package harness

import (
	"net/http"
	"testing"
)

// Organization is a tenant of a journey.
type Organization struct{ ID, Name, Slug string }

// Path is the path of the organization, or of what is below it.
func (o Organization) Path(below ...string) string {
	path := "/api/v1/organizations/" + o.ID
	for _, part := range below {
		path += "/" + part
	}
	return path
}

// Unique is text that nothing else in the run has.
func Unique(prefix string) string { return prefix + randomHex(6) }

// Found creates an organization that token's user owns. Its name and slug are unique and
// share no word, so that either is recognised where it leaks.
func (s *Server) Found(t testing.TB, token string) Organization {
	t.Helper()
	o := Organization{Name: Unique("Tenant "), Slug: Unique("slug-")}
	a := s.Do(t, Call{Path: "/api/v1/organizations", Token: token, Body: map[string]any{"name": o.Name, "slug": o.Slug}}).Want(t, http.StatusCreated)
	if o.ID = a.Text("data", "organization", "id"); o.ID == "" {
		t.Fatalf("creating an organization answers without its id: %s", clip(a.Body))
	}
	return o
}

// AddMember makes u a member, as token's user, who manages the members.
func (s *Server) AddMember(t testing.TB, token string, o Organization, u User, role string) {
	t.Helper()
	s.Do(t, AddMember(token, o, u.Email, role)).Want(t, http.StatusCreated)
}

// AddMember is the request that adds the user with the email.
func AddMember(token string, o Organization, email, role string) Call {
	return Call{Path: o.Path("members"), Token: token, Body: map[string]any{"email": email, "role": role}}
}

// RemoveMember is the request that ends a membership; the caller's own is leaving.
func RemoveMember(token string, o Organization, userID string) Call {
	return Call{Method: http.MethodDelete, Path: o.Path("members", userID), Token: token}
}

// ChangeRole is the request that gives a member another role.
func ChangeRole(token string, o Organization, userID, role string) Call {
	return Call{Method: http.MethodPatch, Path: o.Path("members", userID, "role"), Token: token, Body: map[string]any{"role": role}}
}

// Rename is a request that only those who may change the organization get through with.
func Rename(token string, o Organization, name string) Call {
	return Call{Method: http.MethodPatch, Path: o.Path(), Token: token, Body: map[string]any{"name": name}}
}

// Transfer is the request that makes another member the owner.
func Transfer(token string, o Organization, userID string) Call {
	return Call{Path: o.Path("transfer-ownership"), Token: token, Body: map[string]any{"new_owner_user_id": userID}}
}

// Invite invites somebody and returns the invitation's id and the token that the mail
// brings them.
func (s *Server) Invite(t testing.TB, token string, o Organization, email, role string) (id, secret string) {
	t.Helper()
	before := len(s.sys.Mails(t, InviteMail, email))
	a := s.Do(t, Invite(token, o, email, role)).Want(t, http.StatusCreated)
	if id = a.Text("data", "invite", "id"); id == "" {
		t.Fatalf("an invitation without an id: %s", clip(a.Body))
	}
	return id, s.sys.AwaitMail(t, InviteMail, email, before+1).Token(t)
}

// Invite is the request that invites the email.
func Invite(token string, o Organization, email, role string) Call {
	return Call{Path: o.Path("invites"), Token: token, Body: map[string]any{"email": email, "role": role}}
}

// Accept is the request that accepts an invitation as the user who is signed in.
func Accept(token, secret string) Call {
	return Call{Method: http.MethodPost, Path: "/api/v1/invites/" + secret + "/accept", Token: token, Body: map[string]any{}}
}

// AcceptAs is the request that accepts an invitation with a new account.
func AcceptAs(u User, secret string) Call {
	return Call{Path: "/api/v1/invites/" + secret + "/accept", Body: map[string]any{
		"password": u.Password, "password_confirm": u.Password, "full_name": "Invited Newcomer",
	}}
}
