package tenancy

import (
	"net/http"
	"time"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/ratelimit"
)

// inviteTag groups the operations on invitations in the document.
const inviteTag = "Invitations"

const (
	invitesPath = "/api/v1/organizations/{id}/invites"
	invitePath  = invitesPath + "/{inviteId}"
	previewPath = "/api/v1/invites/{token}"
)

// The rate limits of invitations, counted by client address.
const (
	limitInvite = "invite"
	limitAccept = "invite_accept"
)

// inviteLimits are the rate limits of invitations.
func inviteLimits() []ratelimit.Limit {
	return []ratelimit.Limit{
		{Name: limitInvite, Default: "120-H", Doc: "Invitations sent from one client address, again or for the first time."},
		{Name: limitAccept, Default: "60-M", Doc: "Requests from one client address that bring the token of an invitation."},
	}
}

// inviteEndpoints are the operations on invitations.
func (h handler) inviteEndpoints() []httpx.Endpoint {
	const notFound, conflict = http.StatusNotFound, http.StatusConflict
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "list-invites", Method: http.MethodGet, Path: invitesPath, Permission: authn.PermissionInvitesRead,
			Summary: "Invitations of the organization", Tag: inviteTag, Errors: []int{notFound},
			Description:   "Lists the invitations that wait for an answer, oldest first, and those that expired within the last 30 days.",
			ResultExample: InviteList{Invites: []Invite{exampleInvite()}, Count: 1},
		}, h.listInvites),
		httpx.Op(httpx.Operation{
			ID: "create-invite", Method: http.MethodPost, Path: invitesPath, Permission: authn.PermissionInvitesManage, Limits: []string{limitInvite},
			Status: http.StatusCreated, Idempotent: true, Errors: []int{notFound, conflict},
			Summary: "Invitation sent", Tag: inviteTag,
			Description: "Mails somebody a link with which they can join within seven days, whether or not they have an account. An invitation " +
				"that the address has already is replaced, and its link is dead. Nobody offers a role above their own. " +
				"Offering that of an owner asks for a recent proof of who you are; see step-up.",
			BodyExample: InviteBody{Email: exampleInvitee, Role: RoleMember}, ResultExample: InviteResult{Invite: exampleInvite()},
		}, h.createInvite),
		httpx.Op(httpx.Operation{
			ID: "resend-invite", Method: http.MethodPost, Path: invitePath + "/resend", Permission: authn.PermissionInvitesManage, Limits: []string{limitInvite},
			Idempotent: true, Errors: []int{notFound, conflict},
			Summary: "Invitation sent again", Tag: inviteTag,
			Description:   "Mails a new link that works for seven days from now. The link that was mailed before is dead.",
			ResultExample: httpx.Empty{},
		}, h.resendInvite),
		httpx.Op(httpx.Operation{
			ID: "cancel-invite", Method: http.MethodDelete, Path: invitePath, Permission: authn.PermissionInvitesManage,
			Summary: "Invitation cancelled", Tag: inviteTag, Errors: []int{notFound},
			Description:   "Takes an invitation back. Its link is dead.",
			ResultExample: httpx.Empty{},
		}, h.cancelInvite),
		httpx.Op(httpx.Operation{
			ID: "list-received-invites", Method: http.MethodGet, Path: "/api/v1/users/me/invites",
			Summary: "Your invitations", Tag: inviteTag,
			Description:   "Lists the invitations to the user's address that can be accepted, oldest first. They are accepted with the link in the mail. An address that is not verified shows none.",
			ResultExample: ReceivedInviteList{Invites: []ReceivedInvite{exampleReceived()}, Count: 1},
		}, h.listReceivedInvites),
		httpx.Op(httpx.Operation{
			ID: "get-invite", Method: http.MethodGet, Path: previewPath, Access: httpx.Public, Limits: []string{limitAccept},
			Summary: "Invitation", Tag: inviteTag, Errors: []int{notFound, http.StatusGone},
			Description:   "Shows what the token of an invitation invites to. Looking does not use it up.",
			ResultExample: examplePreview(),
		}, h.previewInvite),
		httpx.Op(httpx.Operation{
			ID: "accept-invite", Method: http.MethodPost, Path: previewPath + "/accept", Access: httpx.MaybeSignedIn, Limits: []string{limitAccept},
			Idempotent: true, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, notFound, conflict, http.StatusGone},
			Summary: "Invitation accepted", Tag: inviteTag,
			Description: "Joins the organization. Somebody whose address has an account must be signed in to it, and sends an empty object. Anybody else " +
				"gives a password and, if they like, a name, gets an account whose address counts as verified, and is signed in. A token works once.",
			BodyExample: exampleAcceptance(), ResultExample: exampleAccepted(),
		}, h.acceptInvite),
	}
}

// InviteBody is the body of an invitation.
type InviteBody struct {
	Email string `json:"email" format:"idn-email" maxLength:"255" doc:"Address to invite. It is lower-cased."`
	Role  Role   `json:"role" enum:"owner,admin,member,guest" doc:"Role that whoever accepts gets, at most your own."`
}

// InviteResult is an invitation.
type InviteResult struct {
	Invite Invite `json:"invite"`
}

// InviteList is a page of an organization's invitations.
type InviteList struct {
	Invites []Invite `json:"invites" nullable:"false"`
	Count   int      `json:"count" doc:"How many invitations this page holds."`
}

// ReceivedInviteList is a page of a user's invitations.
type ReceivedInviteList struct {
	Invites []ReceivedInvite `json:"invites" nullable:"false"`
	Count   int              `json:"count" doc:"How many invitations this page holds."`
}

// AcceptBody is the body of an acceptance. Users who have an account leave it out.
type AcceptBody struct {
	Password string                 `json:"password,omitzero" format:"password" minLength:"8" maxLength:"128" doc:"Password of the new account, by the rules of registration."`
	Confirm  string                 `json:"password_confirm,omitzero" format:"password" doc:"The same password again."`
	FullName httpx.Optional[string] `json:"full_name,omitzero" maxLength:"255"`
}

// AcceptResult is how an invitation was accepted.
type AcceptResult struct {
	User         httpx.RawObject[NewMemberUser] `json:"user" doc:"The new member."`
	Token        string                         `json:"token,omitzero" doc:"The session's token, shown once, when an account was made: send it as Authorization: Bearer."`
	ExpiresAt    time.Time                      `json:"expires_at,omitzero" doc:"When the session ends if no request follows."`
	Organization Organization                   `json:"organization"`
}

// NewMemberUser describes the user in the answer; identity writes it.
type NewMemberUser struct {
	ID            string     `json:"id" format:"uuid"`
	Email         string     `json:"email" format:"idn-email"`
	EmailVerified bool       `json:"email_verified"`
	FullName      *string    `json:"full_name"`
	AvatarURL     *string    `json:"avatar_url"`
	Status        string     `json:"status" enum:"active,inactive,suspended,pending,compliance_suspended"`
	LastLoginAt   *time.Time `json:"last_login_at"`
	LastLoginIP   *string    `json:"last_login_ip"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
}
