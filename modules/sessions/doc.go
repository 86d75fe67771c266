// Package sessions signs people in, recognises them on every request, and signs them
// out by idleness, by the absolute cap or by hand.
//
// # Signing in
//
// Every way of signing in ends in [Service.CompleteSignIn], so that no rule can be
// forgotten by one of them:
//
//	proof given (password, registration, later: provider, passkey …)
//	   │
//	   ▼
//	status ─▶ verified email ─▶ enforced SSO ─▶ second factor ─▶ compliance
//	   │            │                │               │               │
//	   └────────────┴── refuse ──────┘           challenge        restrict
//	                     │                           │               │
//	                     ▼                           ▼               ▼
//	                  refused                 one more proof   session that may only
//	                                          (no session)     enroll a factor
//
// When no gate refuses or challenges, the user row is held, and what the proof and the
// gates were judged by is compared with what it holds now; then the session is
// inserted in the caller's transaction. Whoever deletes or suspends the user, or
// changes the password, holds the same row: one of the two is first, and the other
// sees it. A gate that fails refuses.
//
// # Recognising
//
// The database row is the truth and the cache is the fast path: one self-contained
// value per session under <epoch>:<SHA-256 of the token>, read, judged and slid in one
// round trip ([Service.Authenticate]). After the read the invalidation log is asked, at
// no I/O, whether anything made the value stale. A miss is filled under a lease:
// reserve the key, read the row, replace the reservation. Only the SHA-256 of a token
// is stored anywhere.
//
// Activity is written back in batches, every thirty seconds or every tenth of the idle
// limit. Losing the cache or a process may end a session up to one such interval early
// and never lengthens one; the clean-up leaves rows alone for two intervals.
//
// # Revoking
//
// Tombstone, commit, answer. A tombstone takes the place of the cached value before the
// row changes and stays for the rest of the session's life; the transaction also writes
// the invalidation log, the second barrier, which every replica tails. A process that
// dies in between leaves a tombstone over an ACTIVE row, and the next reader finishes
// the revocation. When the cache cannot be reached, the epoch is raised in the
// transaction, which makes every cached value unreachable, and the answer waits until
// every replica has seen that or trusts nothing.
//
// What may be touched: the layout of a cached value changes only together with its
// version byte. The order of the gates, and of tombstone and commit, is the security of
// the system; the tests of the protocol name the rule that each of them pins.
package sessions
