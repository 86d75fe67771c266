package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// An archive is a ZIP file with these members. The manifest tells what the others are and
// is signed; keys and seals are in it or under its hash, so that one public key that
// somebody knows from elsewhere vouches for everything.
const (
	memberManifest  = "manifest.json"
	memberSignature = "manifest.sig"
	memberSeals     = "seals.jsonl"
	memberRows      = "rows.jsonl"
)

const archiveVersion = 1

// manifest is what an archive says of itself.
type manifest struct {
	Version int `json:"version"`
	// Origin is the head of the first seal, which names the trail.
	Origin    string    `json:"origin"`
	CreatedAt time.Time `json:"created_at"`
	// Since, Until and Organization are what was asked for; zero is everything.
	Since        time.Time `json:"since,omitzero"`
	Until        time.Time `json:"until,omitzero"`
	Organization string    `json:"organization,omitzero"`
	// FirstSeal to LastSeal are in the archive, without a gap; Previous is the head of the
	// seal before the first.
	FirstSeal int64  `json:"first_seal"`
	LastSeal  int64  `json:"last_seal"`
	Previous  string `json:"previous"`
	LastHead  string `json:"last_head"`
	Seals     int64  `json:"seals"`
	Rows      int64  `json:"rows"`
	// LeftOut counts rows under these seals that are not in the archive: they were not
	// asked for, or were removed because of their age.
	LeftOut int64         `json:"left_out"`
	Keys    []manifestKey `json:"keys"`
	// SignedWith is the id of the key of the signature over this manifest.
	SignedWith string            `json:"signed_with"`
	Members    map[string]member `json:"members"`
}

// manifestKey is a public key that seals were signed with.
type manifestKey struct {
	ID        string `json:"id"`
	PublicKey string `json:"public_key"`
}

// member is another file of the archive.
type member struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// archivedSeal is a line of the member of seals.
type archivedSeal struct {
	Number         int64     `json:"number"`
	SealedAt       time.Time `json:"sealed_at"`
	Entries        int64     `json:"entries"`
	FirstAt        time.Time `json:"first_at"`
	LastAt         time.Time `json:"last_at"`
	Root           string    `json:"root"`
	Previous       string    `json:"previous"`
	Head           string    `json:"head"`
	KeyID          string    `json:"key_id"`
	Signature      string    `json:"signature"`
	PrunedAt       time.Time `json:"pruned_at,omitzero"`
	PruneSignature string    `json:"prune_signature,omitzero"`
}

// archivedRow is a line of the member of rows. It holds no personal data, only the
// commitments to it.
type archivedRow struct {
	Seal             int64       `json:"seal"`
	Position         int64       `json:"position"`
	Row              archivedRun `json:"row"`
	ClientCommitment string      `json:"client_commitment,omitzero"`
	DetailCommitment string      `json:"detail_commitment,omitzero"`
	// Proof is the audit path of the row (RFC 6962 §2.1.1) when not every row of its seal
	// is in the archive.
	Proof []string `json:"proof,omitzero"`
}

// archivedRun is the row itself.
type archivedRun struct {
	ID             string    `json:"id"`
	CreatedAt      time.Time `json:"created_at"`
	Action         string    `json:"action"`
	ActorID        string    `json:"actor_id,omitzero"`
	OrganizationID string    `json:"organization_id,omitzero"`
	ResourceType   string    `json:"resource_type,omitzero"`
	ResourceID     string    `json:"resource_id,omitzero"`
	Success        bool      `json:"success"`
	ErrorType      string    `json:"error_type,omitzero"`
	RequestID      string    `json:"request_id,omitzero"`
	TraceID        string    `json:"trace_id,omitzero"`
	// Metadata is the text that is sealed, as it is.
	Metadata      string `json:"metadata"`
	ClientSubject string `json:"client_subject,omitzero"`
	DetailSubject string `json:"detail_subject,omitzero"`
}

func toArchive(e *Entry) archivedRun { return archivedRun(*e) }

func (r archivedRun) entry() Entry { return Entry(r) }

// archiveSeal brings a seal into the form of the archive.
func archiveSeal(s *seal) archivedSeal {
	return archivedSeal{
		Number: s.Number, SealedAt: s.SealedAt, Entries: s.Entries, FirstAt: s.FirstAt, LastAt: s.LastAt, Root: hexOf(s.Root),
		Previous: hexOf(s.Previous), Head: hexOf(s.Head), KeyID: s.KeyID, Signature: hex.EncodeToString(s.Signature),
		PrunedAt: s.PrunedAt, PruneSignature: hex.EncodeToString(s.PruneSignature),
	}
}

// seal reads it back.
func (a *archivedSeal) seal() (seal, error) {
	s := seal{
		Number: a.Number, SealedAt: a.SealedAt, Entries: a.Entries, FirstAt: a.FirstAt, LastAt: a.LastAt, KeyID: a.KeyID, PrunedAt: a.PrunedAt,
	}
	var err error
	read := func(into *digest, text string) {
		d, e := digestOf(text)
		*into, err = d, errors.Join(err, e)
	}
	read(&s.Root, a.Root)
	read(&s.Previous, a.Previous)
	read(&s.Head, a.Head)
	var e error
	s.Signature, e = hex.DecodeString(a.Signature)
	err = errors.Join(err, e)
	s.PruneSignature, e = hex.DecodeString(a.PruneSignature)
	return s, errors.Join(err, e)
}

// digestOf reads a hash in hexadecimal.
func digestOf(text string) (digest, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != sha256.Size {
		return digest{}, fmt.Errorf("%q is no hash", text)
	}
	return digest(b), nil
}

// signManifest returns the manifest as it is stored and its signature.
func signManifest(m *manifest, key *signingKey) (text, signature []byte, err error) {
	text, err = json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, nil, fmt.Errorf("audit: write the manifest: %w", err)
	}
	signature = key.sign(append([]byte(signedArchive), text...))
	return text, []byte(hex.EncodeToString(signature)), nil
}

// manifestSigned reports whether the signature is that of the key.
func manifestSigned(public ed25519.PublicKey, text, signature []byte) bool {
	raw, err := hex.DecodeString(string(signature))
	return err == nil && ed25519.Verify(public, append([]byte(signedArchive), text...), raw)
}
