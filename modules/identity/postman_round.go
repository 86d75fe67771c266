package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
)

// requestBatch is how many requests one statement looks up.
const requestBatch = 100

// Write writes the mails that wait, oldest first, and reports how many were written and how
// many requests came to nothing. One that cannot be written now waits and does not keep the
// others. It begins none after a few seconds, and sees to it that the rest follows.
func (p *Postman) Write(ctx context.Context) (jobs.Report, error) {
	report := jobs.Report{"written": 0, "nothing": 0}
	return report, errors.Join(
		p.each(ctx, report, p.requests.due, p.writeVerification),
		p.each(ctx, report, p.requests.page, p.answer),
	)
}

// each does one for every id of the page, until ctx or its own time ends.
func (p *Postman) each(
	ctx context.Context, report jobs.Report, page *database.Stmt, one func(ctx context.Context, tx bun.Tx, id string) (bool, error),
) error {
	bound, cancel := context.WithTimeout(ctx, roundFor)
	defer cancel()
	var failed error
	for after := noID; ; {
		ids, err := p.requests.ids(ctx, page, after, requestBatch)
		if err != nil {
			return errors.Join(failed, fmt.Errorf("identity: look for requests for mail: %w", err))
		}
		for _, id := range ids {
			if bound.Err() != nil {
				p.hurry()
				return errors.Join(failed, ctx.Err())
			}
			var written bool
			err := p.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
				written, err = one(ctx, tx, id)
				return err
			})
			switch {
			case database.IsNotFound(err): // somebody else took it
			case errors.Is(err, apperr.ErrUnavailable):
				return errors.Join(failed, err)
			case err != nil:
				failed = err
			case written:
				report["written"]++
			default:
				report["nothing"]++
			}
			after = id
		}
		if len(ids) < requestBatch {
			return failed
		}
	}
}

// writeVerification writes the mail that a registration promised.
func (p *Postman) writeVerification(ctx context.Context, tx bun.Tx, userID string) (bool, error) {
	r, err := p.requests.claimVerification(ctx, tx, userID)
	if err != nil || r.EmailVerified || !r.Status.mayRecover() {
		return false, err
	}
	// Whoever registers an address again and again need not be its owner.
	if err := p.mayMail(ctx, countFirst, r.Email); err != nil {
		if errors.Is(err, apperr.ErrRateLimited) {
			return false, nil
		}
		return false, err
	}
	return p.write(ctx, tx, &r, PurposeVerify)
}

// answer does what a request asks for, if there is an account for it, and records it.
func (p *Postman) answer(ctx context.Context, tx bun.Tx, requestID string) (bool, error) {
	request, err := p.requests.take(ctx, tx, requestID)
	if err != nil {
		return false, err
	}
	var w wish
	plain, err := p.sealer.Open(request.Sealed, request.bound())
	if err == nil {
		err = json.Unmarshal(plain, &w)
	}
	if err != nil {
		p.log.ErrorContext(ctx, "a request for mail cannot be read and is dropped", "request", requestID, "err", err)
		return false, nil
	}
	ctx = authn.WithClient(ctx, &w.Client) // the fact is of then and there
	held, err := p.store.holdByEmail(ctx, tx, w.Email)
	if err != nil && !database.IsNotFound(err) {
		return false, fmt.Errorf("identity: find a user by email: %w", err)
	}
	f := events.Fact{Action: request.Purpose.requested(), ResourceType: "user", ResourceID: held.ID}
	switch refused := refusesMail(&held.userRow, request.Purpose); {
	case refused != nil:
		f.ErrorType = string(refused.Code())
		if held.ID == "" {
			f.Personal = map[string]string{"email": w.Email}
		}
		return false, p.bus.Publish(ctx, tx, f)
	default:
		f.Success = true
	}
	written, err := p.write(ctx, tx, &held.userRow, request.Purpose)
	if err != nil {
		return false, err
	}
	return written, p.bus.Publish(ctx, tx, f)
}

// refusesMail says why a user is sent nothing; nil when they are. The zero user is nobody.
func refusesMail(r *userRow, purpose Purpose) *apperr.Error {
	switch {
	case r.ID == "":
		return apperr.ErrNotFound
	case !r.Status.mayRecover():
		return apperr.ErrAuthorization
	case purpose == PurposeVerify && r.EmailVerified:
		return apperr.ErrConflict
	}
	return nil
}

// write mails a token to the address that the user has, who is held. An address that takes
// no mail is given up.
func (p *Postman) write(ctx context.Context, tx bun.Tx, r *userRow, purpose Purpose) (bool, error) {
	err := p.sendToken(ctx, tx, r, purpose, r.Email)
	if errors.Is(err, errNoLetter) {
		p.log.WarnContext(ctx, "a mail that was asked for cannot be written", "user_id", r.ID, "err", err)
		return false, nil
	}
	return err == nil, err
}
