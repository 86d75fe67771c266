// Package factor holds the second factors of users: authenticator apps (TOTP), recovery
// codes and passkeys, and what asks for them when somebody signs in.
//
//	first proof ──▶ [Gate] ──▶ challenge ──▶ guesses ──▶ [Challenges.Complete] ──▶ session
//
// # Rooms
//
// [Gate] is asked at the end of every sign-in. It opens a challenge for a user who has a
// factor and has not shown it. [Challenges] are those sign-ins that wait; whatever checks a
// factor counts a guess before it judges, and completes the challenge in the transaction
// that issues the session. [Service] holds the use cases of authenticator apps, recovery
// codes and remembered devices.
//
// # Rules that must hold
//
// What was used once is worth nothing: a time step, a recovery code and a challenge are each
// taken by one conditional statement, inside the transaction of what they pay for. The user
// is held before any of them, so that nothing waits in a circle. A guess counts before it is
// judged, against the challenge and against the account. Only the server's clock counts.
// A change of factors raises the credential version, like a new password: a sign-in, a
// challenge and a remembered device from before it are void. An error refuses.
//
// What may be touched: nothing here knows sessions or the rest of identity; what it needs of
// them is in ports.go. Secrets leave this package once, in the answer that makes them.
package factor
