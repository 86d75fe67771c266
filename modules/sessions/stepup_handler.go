package sessions

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/secret"
)

// stepUpEndpoint declares how a session becomes a fresh one.
func (h handler) stepUpEndpoint() httpx.Endpoint {
	return httpx.Op(httpx.Operation{
		ID: "step-up", Method: http.MethodPost, Path: "/api/v1/auth/step-up", ComplianceOnly: true, Limits: []string{limitLogin},
		Summary: "Proved again", Tag: tag,
		Description: "Takes the password of users without a second factor, or the code or passkey of the others, and lets this session into " +
			"operations that ask for a recent proof (RFC 9470). Wrong ones are slowed down like failed log-ins.",
		BodyExample: StepUpBody{Password: exampleLogin().Password},
		ResultExample: SteppedUp{
			AuthenticatedAt: exampleTime(0), AuthMethods: []string{MethodPassword},
		},
	}, h.stepUp, judgeStepUp)
}

// StepUpBody is the body of a step-up: exactly one proof.
type StepUpBody struct {
	Password  string         `json:"password,omitzero" minLength:"1" maxLength:"1024" doc:"The current password; not enough for users who have a second factor."`
	Code      string         `json:"code,omitzero" minLength:"1" maxLength:"64" doc:"A one-time code."`
	Assertion map[string]any `json:"assertion,omitzero" doc:"What a passkey answered, as the browser gives it (WebAuthn AuthenticationResponseJSON)."`
}

type stepUpInput struct{ Body StepUpBody }

// judgeStepUp wants exactly one proof.
func judgeStepUp(in *stepUpInput) map[string][]string {
	given := 0
	for _, there := range []bool{in.Body.Password != "", in.Body.Code != "", len(in.Body.Assertion) > 0} {
		if there {
			given++
		}
	}
	complaints := map[string][]string{}
	if given != 1 {
		complaints["_schema"] = []string{"Give exactly one of password, code and assertion."}
	}
	if len(in.Body.Password) > maxPasswordBytes {
		complaints["password"] = []string{"Longer than maximum length 1024."}
	}
	return complaints
}

func (h handler) stepUp(ctx context.Context, in *stepUpInput) (*httpx.Reply[SteppedUp], error) {
	p, ok := authn.PrincipalFrom(ctx)
	if !ok {
		return nil, errNoPrincipal
	}
	if err := apperr.Fields(judgeStepUp(in)); err != nil {
		return nil, err
	}
	proof := StepUpProof{Code: secret.New(in.Body.Code)}
	if len(in.Body.Assertion) > 0 {
		var err error
		if proof.Assertion, err = json.Marshal(in.Body.Assertion); err != nil {
			return nil, fmt.Errorf("sessions: an assertion: %w", err)
		}
	}
	done, err := h.service.StepUp(ctx, p, StepUp{
		Password: secret.New(in.Body.Password), Proof: proof, Client: authn.ClientFrom(ctx),
	})
	if err != nil {
		return nil, err
	}
	return httpx.OK(done), nil
}
