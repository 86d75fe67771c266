package audit

import (
	"crypto/ed25519"
	"encoding/hex"
)

// judge walks seals and rows side by side: every seal is signed and follows the one before,
// and every row lies under its seal.
func (a *archive) judge(seals, rows *lineReader) error {
	m := &a.manifest
	previous, err := digestOf(m.Previous)
	if err != nil {
		return broken("%v", err)
	}
	walk := &archiveWalk{archive: a, rows: rows}
	if err := walk.advance(); err != nil {
		return err
	}
	number := m.FirstSeal
	for ; ; number++ {
		var line archivedSeal
		more, err := seals.next(&line)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		s, err := line.seal()
		if err != nil {
			return broken("seal %d: %v", line.Number, err)
		}
		if err := a.judgeSeal(&s, number, previous); err != nil {
			return err
		}
		if err := walk.seal(&s); err != nil {
			return err
		}
		previous = s.Head
	}
	switch {
	case number-1 != m.LastSeal || number-m.FirstSeal != m.Seals || hexOf(previous) != m.LastHead:
		return broken("its seals end with number %d, not %d", number-1, m.LastSeal)
	case walk.has:
		return broken("row %s lies under seal %d, which is not in it", walk.next.Row.ID, walk.next.Seal)
	case walk.count != m.Rows || walk.leftOut != m.LeftOut:
		return broken("it has %d rows and leaves out %d, not %d and %d", walk.count, walk.leftOut, m.Rows, m.LeftOut)
	}
	return nil
}

// judgeSeal judges a seal by itself and in its place.
func (a *archive) judgeSeal(s *seal, number int64, previous digest) error {
	public, known := a.keys[s.KeyID]
	switch {
	case s.Number != number:
		return broken("seal %d is missing", number)
	case s.Entries < 1 || !known || !s.verifiedBy(public):
		return broken("seal %d is not signed by one of its keys", number)
	case s.Previous != previous, number == 1 && s.Previous != digest{}:
		return broken("seal %d does not follow the one before it", number)
	case number == 1 && hexOf(s.Head) != a.manifest.Origin:
		return broken("its first seal is not its origin")
	case s.pruned():
		id, signature, ok := keyed(s.PruneSignature)
		public, known := a.keys[id]
		if !ok || !known || !ed25519.Verify(public, s.pruneSigned(), signature) {
			return broken("seal %d has no rows, and no signed mark why", number)
		}
	}
	return nil
}

// archiveWalk is how far the rows were read.
type archiveWalk struct {
	*archive

	rows           *lineReader
	next           archivedRow
	has            bool
	count, leftOut int64
}

func (w *archiveWalk) advance() (err error) {
	w.next = archivedRow{}
	w.has, err = w.rows.next(&w.next)
	return err
}

// seal judges the rows of a seal: all of them make its root, or each proves that it is part
// of it.
func (w *archiveWalk) seal(s *seal) error {
	var tree merkle
	var here, last int64 = 0, -1
	proved := true
	for w.has && w.next.Seal == s.Number {
		r := &w.next
		if r.Position <= last || r.Position >= s.Entries {
			return broken("row %s is out of order under seal %d", r.Row.ID, s.Number)
		}
		leaf, err := r.leaf()
		if err != nil {
			return err
		}
		if r.Proof == nil {
			proved = proved && s.Entries == 1
			tree.add(leaf)
		} else if err := r.prove(s, leaf); err != nil {
			return err
		}
		last = r.Position
		here++
		if err := w.advance(); err != nil {
			return err
		}
	}
	if here > 0 && s.pruned() {
		return broken("seal %d has rows although they were removed", s.Number)
	}
	if whole := here == s.Entries && int64(tree.leaves) == here; here > 0 && (whole && tree.root() != s.Root || !whole && !proved) {
		return broken("the rows of seal %d are not the ones that were sealed", s.Number)
	}
	w.count += here
	w.leftOut += s.Entries - here
	return nil
}

// leaf is the leaf of the row.
func (r *archivedRow) leaf() (digest, error) {
	client, err := commitmentOf(r.ClientCommitment)
	if err != nil {
		return digest{}, broken("row %s: %v", r.Row.ID, err)
	}
	detail, err := commitmentOf(r.DetailCommitment)
	if err != nil {
		return digest{}, broken("row %s: %v", r.Row.ID, err)
	}
	e := r.Row.entry()
	return leafOf(&e, client, detail), nil
}

func commitmentOf(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	d, err := digestOf(text)
	return d[:], err
}

// prove wants the row's audit path to lead to the root.
func (r *archivedRow) prove(s *seal, leaf digest) error {
	path := make([]digest, len(r.Proof))
	for i, text := range r.Proof {
		d, err := hex.DecodeString(text)
		if err != nil || len(d) != len(digest{}) {
			return broken("row %s: %q is no hash", r.Row.ID, text)
		}
		path[i] = digest(d)
	}
	root, ok := rootFromProof(leaf, uint64(r.Position), uint64(s.Entries), path)
	if !ok || root != s.Root {
		return broken("row %s is not part of seal %d", r.Row.ID, s.Number)
	}
	return nil
}
