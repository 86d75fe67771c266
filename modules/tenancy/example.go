package tenancy

import (
	"time"

	"github.com/authy2/backend/platform/httpx"
)

// The examples of the document.

const (
	exampleOrganizationID = "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a31"
	exampleUserID         = "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30"
	exampleOtherUserID    = "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a32"
)

func exampleTime() time.Time { return time.Date(2026, time.November, 24, 9, 0, 0, 0, time.UTC) }

func exampleText(s string) httpx.Optional[string] {
	return httpx.Optional[string]{Set: true, Value: &s}
}

func exampleOrganization() Organization {
	return Organization{
		ID: exampleOrganizationID, Name: "Acme Corporation", Slug: "acme-corp", Description: exampleText("Makes everything.").Value,
		IsActive: true, Role: RoleOwner, CreatedAt: exampleTime(), UpdatedAt: exampleTime(),
	}
}

func exampleCreate() CreateBody {
	return CreateBody{Name: "Acme Corporation", Slug: "acme-corp", Description: exampleText("Makes everything.")}
}

func exampleUpdate() UpdateBody {
	return UpdateBody{Name: exampleText("Acme Corporation").Value, Description: exampleText("Makes everything.")}
}

func exampleAdd() AddBody { return AddBody{Email: "carol@acme-corp.com", Role: RoleMember} }

func exampleMember() Member {
	inviter, at := exampleOtherUserID, exampleTime()
	return Member{
		ID: "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a33", UserID: exampleUserID, OrganizationID: exampleOrganizationID, Role: RoleAdmin,
		InvitedByID: &inviter, InvitedAt: &at, JoinedAt: at, CreatedAt: at, UpdatedAt: at,
		User: MemberUser{ID: exampleUserID, Email: "carol@acme-corp.com", FullName: exampleText("Carol Developer").Value, Status: "active"},
	}
}

func exampleTransferred() Transferred {
	next := exampleMember()
	next.Role = RoleOwner
	return Transferred{Previous: exampleMember(), New: next}
}

func exampleRoles() []RoleCount {
	return []RoleCount{{RoleOwner, 1}, {RoleAdmin, 1}, {RoleMember, 1}, {RoleGuest, 1}}
}

func exampleSeconds(n int64) httpx.Optional[int64] {
	return httpx.Optional[int64]{Set: true, Value: &n}
}

func examplePolicyBody() PolicyBody {
	return PolicyBody{Idle: exampleSeconds(600), Absolute: exampleSeconds(14400)}
}

func exampleSessionPolicy() SessionPolicy { return examplePolicyBody().policy() }
