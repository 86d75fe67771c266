package audit

import (
	"context"
	"encoding/hex"

	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/kernel"
)

// What the tests of sealing see of its inside.

// Digest is a hash.
type Digest = digest

// Merkle is a tree.
type Merkle struct{ merkle }

// Add puts a leaf at the end.
func (m *Merkle) Add(leaf Digest) { m.add(leaf) }

// Root is the root.
func (m *Merkle) Root() Digest { return m.root() }

// LeafHash is the hash of a leaf.
func LeafHash(content []byte) Digest { return leafHash(content) }

// RootOf is the root of the tree of the leaves.
func RootOf(leaves []Digest) Digest { return rootOf(leaves) }

// InclusionProof is the audit path of a leaf.
func InclusionProof(leaves []Digest, index int) []Digest { return inclusionProof(leaves, index) }

// RootFromProof computes the root from a leaf and its path.
func RootFromProof(leaf Digest, index, size uint64, proof []Digest) (Digest, bool) {
	return rootFromProof(leaf, index, size, proof)
}

// Jobs are the periodic jobs.
func (l *Sealing) Jobs() []jobs.Periodic { return l.jobs() }

// Commands are the commands.
func (l *Sealing) Commands() []kernel.Command { return l.commands() }

// Subscriptions are the subscriptions.
func (l *Sealing) Subscriptions() []events.Subscription { return l.subscriptions() }

// Run runs a job by name.
func (l *Sealing) Run(ctx context.Context, name string) (jobs.Report, error) {
	for _, j := range l.jobs() {
		if j.Name == name {
			return j.Run(ctx)
		}
	}
	panic("no job " + name)
}

// PersonalTexts decrypts what it can of the personal data, with every key that is left.
func (l *Sealing) PersonalTexts(ctx context.Context) ([]string, error) {
	var all []string
	var rows []personalRow
	if err := l.db.Read().NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, err
	}
	var subjects []subjectRow
	if err := l.db.Read().NewSelect().Model(&subjects).Scan(ctx); err != nil {
		return nil, err
	}
	for _, s := range subjects {
		key, err := l.secrets.openSubject(s.Subject, s.Secret)
		if err != nil {
			continue
		}
		for _, r := range rows {
			if content, err := openPart(key, r.EntryID, r.Part, r.Content); err == nil {
				all = append(all, string(content))
			}
		}
	}
	d := l.db.Dialect()
	err := queryRaw(ctx, l.db.Read(), entryColumnCount, "SELECT "+entryColumns(d)+" FROM audit_entries AS e WHERE e.pending IS NOT NULL", nil, func(v []raw) error {
		e := readEntry(d, v)
		if content, err := l.secrets.pending.Open(e.pending, append([]byte(e.ID), e.mac...)); err == nil {
			all = append(all, string(content))
		}
		return nil
	})
	return all, err
}

// Hex writes a digest.
func Hex(d Digest) string { return hex.EncodeToString(d[:]) }
