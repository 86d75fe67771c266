package compliance

import (
	"net/http"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
)

// tag groups the operations of this package in the document.
const tag = "Security policies"

const (
	organizationPath = "/api/v1/organizations/{id}"
	policyPath       = organizationPath + "/security-policy"
	overridePath     = organizationPath + "/users/{userId}/security-policy"
)

// handler is the HTTP side of the service.
type handler struct{ service *Service }

// Endpoints declares every operation.
func (s *Service) Endpoints() []httpx.Endpoint {
	h := handler{s}
	return append(h.policyEndpoints(), h.memberEndpoints()...)
}

func (h handler) policyEndpoints() []httpx.Endpoint {
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "get-security-policy", Method: http.MethodGet, Path: policyPath, Permission: authn.PermissionOrganizationRead,
			ComplianceOnly: true, Tagged: true, Errors: []int{http.StatusNotFound},
			Summary: "Security policy", Tag: tag,
			Description:   "Shows every member what the organization asks of their second factors.",
			ResultExample: examplePolicy(),
		}, h.readPolicy),
		httpx.Op(httpx.Operation{
			ID: "set-security-policy", Method: http.MethodPut, Path: policyPath, Permission: authn.PermissionPoliciesManage,
			Tagged: true, Errors: []int{http.StatusNotFound, http.StatusPreconditionFailed},
			Summary: "Security policy replaced", Tag: tag,
			Description: "Replaces the policy; what is absent is what there is without one: optional, 14 and 7 days. Members are judged by it " +
				"soon after, and are pending until then. A changed grace period moves deadlines that run already.",
			BodyExample: examplePolicyBody(), ResultExample: examplePolicy(),
		}, h.setPolicy),
		httpx.Op(httpx.Operation{
			ID: "set-user-security-policy", Method: http.MethodPatch, Path: overridePath, Permission: authn.PermissionPoliciesManage,
			Errors:  []int{http.StatusNotFound},
			Summary: "Member's security policy set", Tag: tag,
			Description: "Exempts one member from what the organization asks, or asks more of them. Nobody does that with somebody above " +
				"themselves.",
			BodyExample: SecurityOverrideBody{Mode: OverrideExempt}, ResultExample: exampleOverride(),
		}, h.setOverride),
	}
}

func (h handler) memberEndpoints() []httpx.Endpoint {
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "list-mfa-compliance", Method: http.MethodGet, Path: organizationPath + "/mfa-compliance", Permission: authn.PermissionPoliciesRead,
			Errors:  []int{http.StatusNotFound},
			Summary: "Compliance of members", Tag: tag,
			Description:   "Lists how the members stand to the security policy, those whom it came to last first.",
			ResultExample: exampleStandings(),
		}, h.list),
		httpx.Op(httpx.Operation{
			ID: "send-mfa-reminder", Method: http.MethodPost, Path: organizationPath + "/members/{userId}/send-mfa-reminder",
			Permission: authn.PermissionPoliciesManage, Idempotent: true, Errors: []int{http.StatusNotFound, http.StatusConflict},
			Summary: "Reminder sent", Tag: tag,
			Description: "Mails a member who has yet to set up a second factor. Somebody who misses nothing, or was reminded within the last " +
				"hour, is a conflict.",
			ResultExample: httpx.Empty{},
		}, h.remind),
		httpx.Op(httpx.Operation{
			ID: "get-my-mfa-compliance", Method: http.MethodGet, Path: "/api/v1/users/me/mfa-compliance", ComplianceOnly: true,
			Summary: "Your compliance", Tag: tag,
			Description:   "Shows what your organizations ask of your second factors, and until when.",
			ResultExample: exampleOwn(),
		}, h.readOwn),
	}
}
