package factor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// passkeyRow is a row of identity_passkeys.
type passkeyRow struct {
	ID, UserID   string
	CredentialID []byte
	Credential   passkeyData
	SignCount    int64
	Name         string
	LastUsedAt   time.Time // zero: never
	CreatedAt    time.Time
}

// passkeyData is what ceremonies need of a passkey besides its id and counter.
type passkeyData struct {
	PublicKey  []byte   `json:"public_key"` // COSE (RFC 9052)
	Transports []string `json:"transports"`
	// Flags are those of the authenticator data (WebAuthn §6.1) at the last ceremony.
	Flags  byte   `json:"flags"`
	AAGUID []byte `json:"aaguid,omitempty"`
	// Discoverable is what the browser said of it; nil when it said nothing.
	Discoverable *bool `json:"discoverable,omitempty"`
}

// library returns the passkey as the library knows one.
func (r *passkeyRow) library() webauthn.Credential {
	c := webauthn.Credential{
		ID: r.CredentialID, PublicKey: r.Credential.PublicKey,
		Flags:         webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(r.Credential.Flags)),
		Authenticator: webauthn.Authenticator{AAGUID: r.Credential.AAGUID, SignCount: uint32(r.SignCount)},
	}
	for _, t := range r.Credential.Transports {
		c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
	}
	return c
}

// shown returns the passkey as its owner sees it.
func (r *passkeyRow) shown() Passkey {
	transports := r.Credential.Transports
	if transports == nil {
		transports = []string{}
	}
	shown := Passkey{ID: encodeID(r.CredentialID), Name: r.Name, Transports: transports, CreatedAt: r.CreatedAt, SignCount: r.SignCount}
	if !r.LastUsedAt.IsZero() {
		shown.LastUsedAt = &r.LastUsedAt
	}
	return shown
}

const passkeyColumns = `id, user_id, credential_id, credential, sign_count, name, last_used_at, created_at`

// passkeyStore reads and writes identity_passkeys, and takes ceremonies. It returns
// sql.ErrNoRows for what there is not.
type passkeyStore struct {
	insert, ofUser, owner, use, rename, remove *database.Stmt
	challenges                                 *challengeStore
	takeCeremony                               *database.Stmt
}

func newPasskeyStore(db *database.DB) *passkeyStore {
	return &passkeyStore{
		insert: db.Prepare(`INSERT INTO identity_passkeys (` + passkeyColumns + `) VALUES (?, ?, ?, ?, ?, ?, NULL, ?)`),
		ofUser: db.Prepare(`SELECT ` + passkeyColumns + ` FROM identity_passkeys WHERE user_id = ? ORDER BY id`),
		owner:  db.Prepare(`SELECT CAST(id AS TEXT) FROM identity_users WHERE email = ?`),
		// A counter that does not rise means two copies of the key, unless it never counts
		// (WebAuthn §7.2 step 22). Of callers with one assertion this lets one through.
		use: db.Prepare(`UPDATE identity_passkeys SET sign_count = ?, credential = ?, last_used_at = ?
	WHERE id = ? AND (sign_count < ? OR (sign_count = 0 AND ? = 0))`),
		rename: db.Prepare(`UPDATE identity_passkeys SET name = ? WHERE user_id = ? AND credential_id = ? RETURNING ` + passkeyColumns),
		remove: db.Prepare(`DELETE FROM identity_passkeys WHERE user_id = ? AND credential_id = ? RETURNING ` + passkeyColumns),

		challenges: newChallengeStore(db),
		takeCeremony: db.Prepare(`DELETE FROM identity_challenges WHERE token_hash = ? AND purpose <> '` + string(PurposeSignIn) + `'
	RETURNING ` + challengeColumns),
	}
}

func (s *passkeyStore) add(ctx context.Context, tx bun.Tx, r *passkeyRow) error {
	data, err := json.Marshal(r.Credential)
	if err != nil {
		return fmt.Errorf("factor: encode a passkey: %w", err)
	}
	_, err = s.insert.In(tx).Exec(ctx, r.ID, r.UserID, r.CredentialID, string(data), r.SignCount, r.Name, r.CreatedAt)
	return err
}

// of reads the passkeys of a user, the oldest first.
func (s *passkeyStore) of(ctx context.Context, on bun.IDB, userID string) (rows []passkeyRow, err error) {
	err = s.ofUser.On(on).Query(ctx, func(scan func(...any) error) error {
		r, err := scanPasskey(scan)
		rows = append(rows, r)
		return err
	}, userID)
	return rows, err
}

// userOf returns the id of the user who has the address.
func (s *passkeyStore) userOf(ctx context.Context, email string) (userID string, err error) {
	err = s.owner.QueryRow(ctx, email).Scan(&userID)
	return userID, err
}

// used notes a use of the passkey, and reports false when its counter has not risen.
func (s *passkeyStore) used(ctx context.Context, tx bun.Tx, r *passkeyRow, at time.Time) (bool, error) {
	data, err := json.Marshal(r.Credential)
	if err != nil {
		return false, fmt.Errorf("factor: encode a passkey: %w", err)
	}
	return changed(s.use.In(tx).Exec(ctx, r.SignCount, string(data), at, r.ID, r.SignCount, r.SignCount))
}

func scanPasskey(scan func(...any) error) (r passkeyRow, err error) {
	var data []byte
	if err = scan(&r.ID, &r.UserID, &r.CredentialID, &data, &r.SignCount, &r.Name, database.Time(&r.LastUsedAt), database.Time(&r.CreatedAt)); err != nil {
		return r, err
	}
	if err = json.Unmarshal(data, &r.Credential); err != nil {
		return r, fmt.Errorf("factor: decode a passkey: %w", err)
	}
	return r, nil
}
