package tenancy_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

func TestAcceptAsNewcomer(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann := h.enter(t, "ann")
		o := h.found(t, ann.UserID, "Acme")
		i, token := h.invite(t, ann, o.ID, "new", tenancy.RoleAdmin)
		if seen, err := h.PreviewInvite(t.Context(), token); err != nil || seen.UserExists {
			t.Errorf("the token shows %+v, %v", seen, err)
		}
		for field, in := range map[string]tenancy.Acceptance{
			"password": {Token: token}, "password_confirm": {Token: token, Password: secret.New(password)},
		} {
			if _, err := h.AcceptInvite(t.Context(), in); apperr.From(err).Code() != apperr.CodeValidation || apperr.From(err).Details()[field] == nil {
				t.Errorf("without %s: %v", field, err)
			}
		}
		weak := tenancy.Acceptance{Token: token, Password: secret.New("short"), Confirm: secret.New("short")}
		if _, err := h.AcceptInvite(t.Context(), weak); code(err) != "VALIDATION_ERROR" {
			t.Errorf("a weak password: %v", err)
		}
		if _, err := h.accept(t, ann, token); !errors.Is(err, tenancy.ErrOtherAddress) {
			t.Errorf("accepted by somebody else: %v", err)
		}
		// All of it happens or nothing.
		h.counter.refuse = apperr.ErrAuthorization
		if _, err := h.accept(t, nil, token); !errors.Is(err, apperr.ErrAuthorization) {
			t.Errorf("a refused sign-in: %v", err)
		}
		h.counter.refuse = nil
		if n := h.count(t, "crowd_users"); n != 1 || len(h.roles(t, o.ID)) != 1 {
			t.Fatalf("a refused sign-in left %d users, %v", n, h.roles(t, o.ID))
		}
		h.facts.take(t)
		done, err := h.accept(t, nil, token)
		if err != nil || done.Session == nil || done.Account.Email != i.Email || done.Organization.Role != tenancy.RoleAdmin || done.Organization.ID != o.ID {
			t.Fatalf("accepted: %+v, %v", done, err)
		}
		made := h.counter.accounts
		if len(made) != 1 || !made[0].EmailVerified || made[0].Email != "new@example.com" || made[0].FullName != "New Comer" || len(h.counter.sessions) != 1 {
			t.Errorf("accounts %+v, sessions %d", made, len(h.counter.sessions))
		}
		if all := h.facts.take(t); actionsOf(all) != tenancy.ActionInviteAccept || all[0].ActorID != done.Account.UserID {
			t.Errorf("facts %+v", all)
		}
		if h.roles(t, o.ID)[done.Account.UserID] != tenancy.RoleAdmin {
			t.Errorf("the roles are %v", h.roles(t, o.ID))
		}
		h.refused(t, "used", nil, token, "NOT_FOUND")
	})
}

// Somebody who registers while an account is being made for them is asked to sign in, and
// the invitation still waits.
func TestAcceptMeetsARegistration(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann := h.enter(t, "ann")
		o := h.found(t, ann.UserID, "Acme")
		_, token := h.invite(t, ann, o.ID, "new", tenancy.RoleMember)
		var late *authn.Principal
		h.counter.meet = func() { late = h.enter(t, "new") }
		if _, err := h.accept(t, nil, token); !errors.Is(err, apperr.ErrAuthRequired) {
			t.Errorf("got %v", err)
		}
		if done, err := h.accept(t, late, token); err != nil || done.Organization.Role != tenancy.RoleMember {
			t.Errorf("signed in: %+v, %v", done, err)
		}
	})
}

// A user who is deleted while they accept has no session any more.
func TestAcceptByAUserWhoIsGone(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		people := &vanishing{crowd: &crowd{b.DB}}
		h := newHost(t, b, func(p *tenancy.Parts) { p.People = people })
		ann, bob := h.enter(t, "ann"), h.enter(t, "bob")
		o := h.found(t, ann.UserID, "Acme")
		_, token := h.invite(t, ann, o.ID, "bob", tenancy.RoleMember)
		people.gone = bob.UserID
		if _, err := h.accept(t, bob, token); !errors.Is(err, apperr.ErrInvalidToken) {
			t.Errorf("got %v", err)
		}
		if _, member := h.roles(t, o.ID)[bob.UserID]; member {
			t.Error("somebody who is gone is a member")
		}
	})
}

// tokenRounds is how often a race for a token is run, tokenCallers how many take part.
const tokenRounds, tokenCallers = 3, 64

// One token lets one in: 64 at once, as a user who is signed in and as newcomers.
func TestOneTokenLetsOneIn(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann := h.enter(t, "ann")
		o := h.found(t, ann.UserID, "Acme")
		for round := range tokenRounds {
			name := fmt.Sprintf("user%d", round)
			user := h.enter(t, name)
			_, token := h.invite(t, ann, o.ID, name, tenancy.RoleMember)
			h.facts.take(t)
			got := tally(together(tokenCallers, func(int) error {
				_, err := h.accept(t, user, token)
				return err
			}))
			if got[""] != 1 || got["NOT_FOUND"] != tokenCallers-1 {
				t.Errorf("a user who is signed in: %v", got)
			}
			name = fmt.Sprintf("new%d", round)
			_, token = h.invite(t, ann, o.ID, name, tenancy.RoleMember)
			accounts, sessions := h.counter.made()
			// All of them have looked at the token and found the address free.
			var ready sync.WaitGroup
			ready.Add(tokenCallers)
			h.counter.meet = func() {
				ready.Done()
				ready.Wait()
			}
			got = tally(together(tokenCallers, func(int) error {
				_, err := h.accept(t, nil, token)
				return err
			}))
			h.counter.meet = nil
			if got[""] != 1 || got["NOT_FOUND"] != tokenCallers-1 {
				t.Errorf("newcomers: %v", got)
			}
			if a, s := h.counter.made(); a != accounts+1 || s != sessions+1 {
				t.Errorf("%d accounts and %d sessions were made", a-accounts, s-sessions)
			}
			joined := 0
			for _, f := range h.facts.take(t) {
				if f.Action == tenancy.ActionInviteAccept {
					joined++
				}
			}
			if want := 1 + 2*(round+1); joined != 2 || len(h.roles(t, o.ID)) != want {
				t.Errorf("%d facts of joining and %d members, want 2 and %d", joined, len(h.roles(t, o.ID)), want)
			}
		}
	})
}

// Accepting, sending again and cancelling at once leave one outcome: a member and no
// invitation, or none of both but what was sent last.
func TestAcceptMeetsChanges(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann := h.enter(t, "ann")
		for round := range 8 {
			o := h.found(t, ann.UserID, fmt.Sprintf("Acme %d", round))
			name := fmt.Sprintf("user%d", round)
			user := h.enter(t, name)
			i, token := h.invite(t, ann, o.ID, name, tenancy.RoleMember)
			errs := together(16, func(n int) error {
				switch n % 4 {
				case 0:
					return h.CancelInvite(t.Context(), ann.UserID, o.ID, i.ID)
				case 1:
					return h.ResendInvite(t.Context(), ann, o.ID, i.ID)
				case 2:
					return h.RemoveMember(t.Context(), ann.UserID, o.ID, user.UserID)
				default:
					_, err := h.accept(t, user, token)
					return err
				}
			})
			var cancelled, accepted int
			for n, err := range errs {
				if got := code(err); got != "" && got != "NOT_FOUND" {
					t.Errorf("operation %d: %v", n%4, err)
				}
				if err == nil && n%4 == 0 {
					cancelled++
				}
				if err == nil && n%4 == 3 {
					accepted++
				}
			}
			if cancelled+accepted > 1 || cancelled+accepted == 0 {
				t.Errorf("cancelled %d times and accepted %d times", cancelled, accepted)
			}
			h.trap.Deliver(t.Context())
			if list, _, err := h.Invites(t.Context(), ann.UserID, o.ID, "", 10); err != nil || len(list) != 0 {
				t.Errorf("left: %+v, %v", list, err)
			}
		}
	})
}
