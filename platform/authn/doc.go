// Package authn says who is calling.
//
// It holds the vocabulary that every module shares: the [Principal] a request acts
// for, the [Client] it came from, the [Account] that signs in, and the ports through
// which modules meet without knowing one another: [Authenticator] (who is this token),
// [SessionIssuer] (finish a sign-in), [SignInGate] (may this sign-in finish),
// [Compliance] (what is asked of their second factors) and [Authorizer] (what may they do
// in an organization).
//
// What may be touched: fields may be added. Absence of a module is said with the
// explicit values [NoAuthenticator], [NoSessions], [NoGate], [NoCompliance] and
// [NoAuthorizer], never with nil.
package authn
