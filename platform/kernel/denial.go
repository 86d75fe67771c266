package kernel

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
)

// actionDenied is the fact that somebody was refused what their role does not grant.
const actionDenied = "access.denied"

// recordDenial publishes that an operation was refused for want of its permission, in a
// transaction of its own: the handler's was rolled back. The refusal stands whether or
// not it can be recorded.
func (a *App) recordDenial(ctx context.Context, operation string, demand *authn.Demand, refusal *apperr.Error) {
	fact := events.Fact{
		Action: actionDenied, ResourceType: "operation", ResourceID: operation, OrganizationID: demand.Organization(),
		ErrorType: string(refusal.Code()), Metadata: map[string]string{"permission": string(demand.Need())},
	}
	if !a.parts.bus.Heard(fact) {
		return
	}
	client := authn.ClientFrom(ctx)
	if p, ok := authn.PrincipalFrom(ctx); ok {
		fact.ActorID = p.UserID
	}
	err := a.parts.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return a.parts.bus.Publish(ctx, tx, fact) })
	if err != nil {
		a.log.ErrorContext(ctx, "a refusal could not be recorded",
			"operation", operation, "request_id", client.RequestID, "trace_id", client.TraceID, "err", err)
	}
}
