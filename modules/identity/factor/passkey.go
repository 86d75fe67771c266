package factor

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
)

const (
	// ceremonyLife is how long a passkey ceremony waits for its answer.
	ceremonyLife = 300 * time.Second
	// ceremonyTimeout is how long browsers are told to wait for a person, in milliseconds.
	ceremonyTimeout = 60_000
	// maxPasskeys bounds the passkeys of one user, and so the options that list them.
	maxPasskeys = 50
	// reasonPasskeyAdded and reasonPasskeyDeleted are recorded on the sessions that a change
	// of passkeys ends.
	reasonPasskeyAdded   = "passkey_added"
	reasonPasskeyDeleted = "passkey_deleted"
)

// The errors of passkeys.
var (
	// ErrPasskey is the one answer to every passkey that does not do, whatever is wrong with it.
	ErrPasskey = apperr.ErrAuthentication.WithMessage("The passkey was not accepted.")
	// ErrPasskeyTaken means that the passkey is registered already.
	ErrPasskeyTaken = apperr.ErrConflict.WithMessage("This passkey is registered already.")
	// ErrPasskeysFull means that the user has as many passkeys as there may be.
	ErrPasskeysFull = apperr.ErrConflict.WithMessage("There are too many passkeys. Delete one first.")
	// ErrLastPasskey means that the user has no other second factor.
	ErrLastPasskey = apperr.ErrBadRequest.WithMessage("This is the last passkey. Set up another passkey or an authenticator app first.")
)

// PasskeyParts is what [Passkeys] work with. All are needed.
type PasskeyParts struct {
	Config PasskeyConfig
	// PublicURL is the server's address, from which the empty parts of Config derive.
	PublicURL string
	DB        *database.DB
	Clock     clock.Clock
	IDs       id.Source
	Rand      io.Reader
	Tokens    *crypto.Tokens
	// Keys makes the credentials that strangers are shown; Sealing seals what lies in the
	// database.
	Keys, Sealing *crypto.Keyring
	Bus           *events.Bus
	// Issuer completes sign-ins.
	Issuer      authn.SessionIssuer
	Accounts    Accounts
	Credentials Credentials
	Notices     Notices
	Compliance  authn.Compliance
	Log         *slog.Logger
}

// Passkeys is what people do with their passkeys (W3C Web Authentication Level 3).
type Passkeys struct {
	party       *webauthn.WebAuthn
	config      PasskeyConfig
	db          *database.DB
	clock       clock.Clock
	ids         id.Source
	tokens      *crypto.Tokens
	sealer      *crypto.Sealer
	decoyKey    [32]byte
	bus         *events.Bus
	challenges  *Challenges
	factors     *Factors
	issuer      authn.SessionIssuer
	accounts    Accounts
	credentials Credentials
	notices     Notices
	compliance  authn.Compliance
	log         *slog.Logger
	store       *passkeyStore
}

// The labels that separate the keys of passkeys from the keys of other uses.
const (
	ceremonyLabel = "identity passkey ceremony"
	decoyLabel    = "identity passkey decoy"
)

// NewPasskeys returns the use cases of passkeys. It does no I/O. Its error is a
// configuration that no browser would accept.
func NewPasskeys(p PasskeyParts) (*Passkeys, error) {
	config, err := p.Config.derived(p.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("factor: passkeys: %w", err)
	}
	// The domain is given with each ceremony: a server on a bare address, where no browser
	// offers passkeys, must still start.
	party, err := webauthn.New(&webauthn.Config{RPDisplayName: config.Name, RPOrigins: config.Origins})
	if err != nil {
		return nil, fmt.Errorf("factor: passkeys: %w", err)
	}
	return &Passkeys{
		party: party, config: config, db: p.DB, clock: p.Clock, ids: p.IDs, tokens: p.Tokens,
		sealer: crypto.NewSealer(p.Sealing, ceremonyLabel, p.Rand), decoyKey: p.Keys.Derive(decoyLabel), bus: p.Bus,
		challenges: NewChallenges(p.DB, p.Tokens, p.Clock, p.IDs, p.Accounts, p.Issuer), factors: NewFactors(p.DB, p.Clock),
		issuer: p.Issuer, accounts: p.Accounts, credentials: p.Credentials, notices: p.Notices, compliance: p.Compliance, log: p.Log, store: newPasskeyStore(p.DB),
	}, nil
}

func (p *Passkeys) now() time.Time { return database.Canonical(p.clock.Now()) }

// Passkey is a passkey as its owner sees it.
type Passkey struct {
	ID         string     `json:"id" doc:"The credential id, base64url."`
	Name       string     `json:"name"`
	Transports []string   `json:"transports" doc:"How the authenticator is reached."`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"Null until it has signed somebody in."`
	SignCount  int64      `json:"sign_count" doc:"The authenticator's counter when it was last used; 0 for those that do not count."`
}

// encodeID writes a credential id as WebAuthn does.
func encodeID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }
