package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
)

// labelSigning is the label under which the private keys are sealed.
const labelSigning = "audit signing"

// signingKey is an Ed25519 key that seals are signed with (RFC 8032).
type signingKey struct {
	ID        string
	Public    ed25519.PublicKey
	CreatedAt time.Time
	private   ed25519.PrivateKey
	// members is the key of the codes of audit_seal_entries. It goes with the signing key
	// and not with ENCRYPTION_KEY, so that a rotation leaves every code valid.
	members []byte
}

// keyIDOf is the name of a key: the first 16 hexadecimal digits of the SHA-256 of its
// public half.
func keyIDOf(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:8])
}

// newSigningKey returns the key that grows from a seed.
func newSigningKey(seed []byte, at time.Time) (*signingKey, error) {
	private := ed25519.NewKeyFromSeed(seed)
	public, _ := private.Public().(ed25519.PublicKey)
	members, err := hkdf.Key(sha256.New, seed, nil, "authy2/1/audit member", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("audit: derive a key: %w", err)
	}
	return &signingKey{ID: keyIDOf(public), Public: public, CreatedAt: at, private: private, members: members}, nil
}

// sign signs data.
func (k *signingKey) sign(data []byte) []byte { return ed25519.Sign(k.private, data) }

// memberMAC is the code of a line of audit_seal_entries.
func (k *signingKey) memberMAC(entryID string, seal, position int64, leaf digest, client, detail []byte) []byte {
	h := hmac.New(sha256.New, k.members)
	b := appendSized(nil, []byte(entryID))
	b = binary.BigEndian.AppendUint64(b, uint64(seal))
	b = binary.BigEndian.AppendUint64(b, uint64(position))
	b = append(b, leaf[:]...)
	h.Write(appendSized(appendSized(b, client), detail))
	return h.Sum(nil)
}

// keyRow is a row of audit_keys.
type keyRow struct {
	bun.BaseModel `bun:"table:audit_keys"`

	ID         string    `bun:"id,pk"`
	PublicKey  []byte    `bun:"public_key"`
	PrivateKey []byte    `bun:"private_key"`
	CreatedAt  time.Time `bun:"created_at"`
}

// bound is what a sealed private key is bound to.
func (r *keyRow) bound() []byte {
	return binary.BigEndian.AppendUint64([]byte(r.ID), uint64(r.CreatedAt.UnixMicro()))
}

// signingKeys opens the keys of audit_keys and remembers those it has opened.
type signingKeys struct {
	sealer *crypto.Sealer
	random io.Reader
	mu     sync.Mutex
	opened map[string]*signingKey // by the row's content
}

func newSigningKeys(keys *crypto.Keyring, random io.Reader) *signingKeys {
	return &signingKeys{sealer: crypto.NewSealer(keys, labelSigning, random), random: random, opened: map[string]*signingKey{}}
}

// open returns the key of a row. A row whose halves do not belong together, or that was
// not written by this module, is an error.
func (k *signingKeys) open(r *keyRow) (*signingKey, error) {
	mark := string(r.PrivateKey) + "\x00" + string(r.PublicKey) + "\x00" + string(r.bound())
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, ok := k.opened[mark]; ok {
		return key, nil
	}
	seed, err := k.sealer.Open(r.PrivateKey, r.bound())
	if err != nil {
		return nil, fmt.Errorf("audit: open the signing key %s: %w", r.ID, err)
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("audit: open the signing key %s: %w", r.ID, crypto.ErrSealed)
	}
	key, err := newSigningKey(seed, r.CreatedAt)
	if err != nil {
		return nil, err
	}
	if key.ID != r.ID || !key.Public.Equal(ed25519.PublicKey(r.PublicKey)) {
		return nil, fmt.Errorf("audit: the signing key %s has another public half: %w", r.ID, crypto.ErrSealed)
	}
	k.opened[mark] = key
	return key, nil
}

// list reads every key, newest first.
func (k *signingKeys) list(ctx context.Context, db bun.IDB) ([]keyRow, error) {
	var rows []keyRow
	if err := db.NewSelect().Model(&rows).Order("created_at DESC", "id DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("audit: read the signing keys: %w", err)
	}
	return rows, nil
}

// publics returns the public halves of the keys that can be opened, by id.
func (k *signingKeys) publics(ctx context.Context, db bun.IDB) (map[string]ed25519.PublicKey, error) {
	rows, err := k.list(ctx, db)
	if err != nil {
		return nil, err
	}
	all := make(map[string]ed25519.PublicKey, len(rows))
	for i := range rows {
		if key, err := k.open(&rows[i]); err == nil {
			all[key.ID] = key.Public
		}
	}
	return all, nil
}

// current returns the newest key that can be opened, and makes one when there is none.
// unusable are those that are newer and cannot be opened.
func (k *signingKeys) current(ctx context.Context, tx bun.Tx, now time.Time) (key *signingKey, unusable []error, err error) {
	rows, err := k.list(ctx, tx)
	if err != nil {
		return nil, nil, err
	}
	for i := range rows {
		key, err := k.open(&rows[i])
		if err == nil {
			return key, unusable, nil
		}
		unusable = append(unusable, err)
	}
	key, err = k.make(ctx, tx, now)
	return key, unusable, err
}

// make adds a new key.
func (k *signingKeys) make(ctx context.Context, tx bun.Tx, now time.Time) (*signingKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(k.random, seed); err != nil {
		return nil, fmt.Errorf("audit: make a signing key: %w", err)
	}
	key, err := newSigningKey(seed, database.Canonical(now))
	if err != nil {
		return nil, err
	}
	row := keyRow{ID: key.ID, PublicKey: key.Public, CreatedAt: key.CreatedAt}
	if row.PrivateKey, err = k.sealer.Seal(seed, row.bound()); err != nil {
		return nil, fmt.Errorf("audit: seal a signing key: %w", err)
	}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return nil, fmt.Errorf("audit: add a signing key: %w", err)
	}
	return key, nil
}

// reseal seals the private keys again that were sealed with an older ENCRYPTION_KEY, and
// returns how many there were.
func (k *signingKeys) reseal(ctx context.Context, tx bun.Tx) (n int64, err error) {
	rows, err := k.list(ctx, tx)
	if err != nil {
		return 0, err
	}
	for i := range rows {
		r := &rows[i]
		if k.sealer.Current(r.PrivateKey) {
			continue
		}
		key, err := k.open(r)
		if err != nil {
			continue // verify tells of it; the others are sealed again all the same
		}
		sealed, err := k.sealer.Seal(key.private.Seed(), r.bound())
		if err != nil {
			return n, fmt.Errorf("audit: seal a signing key: %w", err)
		}
		if _, err := tx.NewUpdate().Model(r).Set("private_key = ?", sealed).Where("id = ?", r.ID).Exec(ctx); err != nil {
			return n, fmt.Errorf("audit: seal a signing key: %w", err)
		}
		n++
	}
	return n, nil
}

// sortedIDs are the ids of keys, sorted.
func sortedIDs(keys map[string]*signingKey) []string { return slices.Sorted(maps.Keys(keys)) }
