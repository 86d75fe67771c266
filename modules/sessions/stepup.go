package sessions

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/secret"
)

// StepUp is what a signed-in user proves with again who they are.
type StepUp struct {
	// Password is the current password. When it is empty, Proof is what is given.
	Password secret.String
	Proof    StepUpProof
	Client   authn.Client
}

// SteppedUp is how and when the user of a session last proved who they are.
type SteppedUp struct {
	AuthenticatedAt time.Time `json:"authenticated_at" doc:"From when the proof counts."`
	AuthMethods     []string  `json:"auth_methods" doc:"How the user proved who they are (RFC 8176)."`
}

// StepUp checks a proof of p's user and makes their session a fresh one, everywhere when
// this returns. It takes the password of users without a second factor and the second
// factor of the others; what would not do is not even looked at and answered with what
// would. A wrong proof is [apperr.ErrAuthentication] and counts like a failed log-in; a
// session that ended meanwhile is [apperr.ErrInvalidToken] and stays ended.
func (s *Service) StepUp(ctx context.Context, p *authn.Principal, in StepUp) (SteppedUp, error) {
	done, err := s.stepUp(ctx, p, in)
	if err == nil {
		return done, nil
	}
	if e := apperr.From(err); e.Kind() != apperr.Internal && e.Kind() != apperr.Unavailable && e.Kind() != apperr.RateLimited {
		s.refusal(ctx, notSteppedUp(p, err))
	}
	return SteppedUp{}, err
}

func (s *Service) stepUp(ctx context.Context, p *authn.Principal, in StepUp) (SteppedUp, error) {
	if in.Password.Empty() != p.Account.SecondFactor {
		return SteppedUp{}, authn.StepUpRequired(s.config.StepUpMaxAge, p.Account.SecondFactor)
	}
	attempt, err := s.guard.Attempt(ctx, p.Account.Email, in.Client)
	if err != nil {
		return SteppedUp{}, err
	}
	method, err := s.proven(ctx, p, in)
	if err != nil {
		if !errors.Is(err, apperr.ErrAuthentication) {
			attempt.Release(ctx) // nothing was checked
		}
		return SteppedUp{}, err
	}
	done := SteppedUp{AuthenticatedAt: instant(s.clock.Now()), AuthMethods: together(p.AuthMethods, method)}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return s.freshen(ctx, tx, p, done, method) })
	if err != nil {
		attempt.Release(ctx) // the proof was right: this was no guess
		return SteppedUp{}, err
	}
	attempt.Succeeded(ctx)
	return done, nil
}

// proven checks the proof and returns its method.
func (s *Service) proven(ctx context.Context, p *authn.Principal, in StepUp) (string, error) {
	if in.Password.Empty() {
		in.Proof.Client = in.Client
		method, err := s.factors.Verify(ctx, p, in.Proof)
		if err == nil && !authn.IsSecondFactor(method) {
			err = fmt.Errorf("sessions: %q was verified for a second factor", method)
		}
		return method, err
	}
	account, err := s.credentials.CheckPassword(ctx, p.Account.Email, in.Password)
	if err == nil && account.UserID != p.UserID {
		err = apperr.ErrAuthentication // the address is somebody else's by now
	}
	return MethodPassword, err
}

// together adds a method to those of a session. A password is proof enough only of users
// without a second factor: one that the session began with is not theirs any more.
func together(methods []string, method string) []string {
	all := slices.Clone(methods)
	if method == MethodPassword {
		all = slices.DeleteFunc(all, authn.IsSecondFactor)
	}
	if slices.Contains(all, method) {
		return all
	}
	return append(all, method)
}

// freshen writes a proof into the session, unless it ended, and makes every replica read
// it again: a shared cache forgets it with the commit, and keeps its tombstones.
func (s *Service) freshen(ctx context.Context, tx bun.Tx, p *authn.Principal, done SteppedUp, method string) error {
	h, err := s.store.prove(ctx, tx, p, done.AuthenticatedAt, done.AuthMethods)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return apperr.ErrInvalidToken
	case err != nil:
		return fmt.Errorf("sessions: step up: %w", err)
	}
	if err := s.log.Record(ctx, tx, invalidation.Entry{Kind: kindSession, Subject: p.SessionID}); err != nil {
		return fmt.Errorf("sessions: record a step-up: %w", err)
	}
	if err := s.fact(ctx, tx, steppedUp(p, method)); err != nil {
		return err
	}
	database.AfterCommit(ctx, func(ctx context.Context) {
		if s.tombs.cache.Shared() {
			s.noteCache(ctx, "forget an older proof", s.tombs.kill(ctx, []hash{h}))
		}
	})
	return nil
}
