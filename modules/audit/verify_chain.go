package audit

import (
	"context"
	"crypto/ed25519"

	"github.com/authy2/backend/platform/database"
)

// groupRows is how many rows, more or less, are read together.
const groupRows = 1000

// verifyChain walks the seals from the first to the last: each must follow the one before,
// be signed, and cover its rows.
func (v *verification) verifyChain(ctx context.Context) error {
	d := v.db.Dialect()
	query := "SELECT " + sealColumns(d) + " FROM audit_seals WHERE number > ? ORDER BY number LIMIT ?"
	var group []seal
	var rows int64
	flush := func() error {
		err := v.verifyGroup(ctx, group)
		group, rows = group[:0], 0
		return err
	}
	for {
		var page []seal
		var wrong []string
		err := queryRaw(ctx, v.db.Read(), sealColumnCount, query, []any{v.last.Number, pageSize}, func(r []raw) error {
			s, w := readSeal(d, r)
			page, wrong = append(page, s), append(wrong, w)
			return nil
		})
		if err != nil {
			return err
		}
		for i := range page {
			if err := v.verifySeal(ctx, &page[i], wrong[i]); err != nil {
				// What is wrong with earlier rows is said before what is wrong with a later seal.
				if earlier := flush(); earlier != nil {
					return earlier
				}
				return err
			}
			group, rows = append(group, page[i]), rows+page[i].Entries
			if rows >= groupRows {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		if len(page) < pageSize {
			return flush()
		}
	}
}

// verifySeal verifies a seal by itself and in its place behind the last one.
func (v *verification) verifySeal(ctx context.Context, s *seal, wrong string) error {
	problem := &Problem{Kind: KindBrokenSeal, Table: tableSeals, Seal: s.Number, Field: wrong}
	key, err := v.key(ctx, s.KeyID)
	if err != nil {
		return err
	}
	switch {
	case s.Number != v.last.Number+1:
		return &Problem{Kind: KindMissing, Table: tableSeals, Seal: v.last.Number + 1, Note: "the next seal there is has the number " + itoa(s.Number)}
	case wrong != "":
		return problem
	case key == nil:
		problem.Field, problem.Note = "key_id", "there is no key of that id"
		return problem
	case !s.verifiedBy(key.Public):
		problem.Field = brokenField(s, key.Public)
		return problem
	case s.Previous != v.last.Head:
		problem.Kind, problem.Note = KindBrokenChain, "it does not follow the seal before it"
		return problem
	case s.pruned():
		if !v.pruneSigned(ctx, s) {
			problem.Field, problem.Note = "pruned_at", "nobody who may has removed its rows"
			return problem
		}
		v.summary.PrunedSeals++
	}
	v.last = *s
	v.summary.Seals++
	v.summary.LastSeal, v.summary.LastHead = s.Number, hexOf(s.Head)
	return nil
}

// brokenField tells which of the fields of a seal does not fit the others, if it can.
func brokenField(s *seal, public ed25519.PublicKey) string {
	switch {
	case s.Head == s.head():
		return "signature or key_id"
	case ed25519.Verify(public, s.signed(), s.Signature):
		return "one that the head is of"
	}
	fixed := *s
	fixed.Head = s.head()
	if fixed.verifiedBy(public) {
		return "head"
	}
	return ""
}

// pruneSigned reports whether the mark that the rows of a seal were removed is ours.
func (v *verification) pruneSigned(ctx context.Context, s *seal) bool {
	id, signature, ok := keyed(s.PruneSignature)
	if !ok {
		return false
	}
	key, err := v.key(ctx, id)
	return err == nil && key != nil && ed25519.Verify(key.Public, s.pruneSigned(), signature)
}

// key returns a signing key, nil when there is none of that id. One that was made since
// this verification began is read now.
func (v *verification) key(ctx context.Context, id string) (*signingKey, error) {
	if key, ok := v.keys[id]; ok {
		return key, nil
	}
	if err := v.verifyKeys(ctx); err != nil {
		return nil, err
	}
	return v.keys[id], nil
}

// verifyGroup verifies the rows of a few seals that follow one another. A seal that does
// not hold is looked at once more by itself: its rows may have been pruned meanwhile.
func (v *verification) verifyGroup(ctx context.Context, group []seal) error {
	if len(group) == 0 || !v.reaches(group) {
		return nil
	}
	rows, err := v.verifyLines(ctx, group)
	if p, ok := asProblem(err); ok && p.Seal > 0 {
		fresh, readErr := v.sealsFrom(ctx, group)
		if readErr != nil {
			return readErr
		}
		rows, err = v.verifyLines(ctx, fresh)
	}
	v.summary.Rows += rows
	return err
}

// reaches reports whether a row of the group may lie in the period that is verified.
func (v *verification) reaches(group []seal) bool {
	for i := range group {
		if !group[i].LastAt.Before(v.since) {
			return true
		}
	}
	return false
}

// sealsFrom reads the seals of a group again. Those that were pruned meanwhile must say so.
func (v *verification) sealsFrom(ctx context.Context, group []seal) ([]seal, error) {
	d := v.db.Dialect()
	var fresh []seal
	err := queryRaw(ctx, v.db.Read(), sealColumnCount, "SELECT "+sealColumns(d)+" FROM audit_seals WHERE number BETWEEN ? AND ? ORDER BY number",
		[]any{group[0].Number, group[len(group)-1].Number}, func(r []raw) error {
			s, _ := readSeal(d, r)
			fresh = append(fresh, s)
			return nil
		})
	if err != nil {
		return nil, err
	}
	for i := range group {
		switch {
		case i >= len(fresh) || fresh[i].Number != group[i].Number:
			return nil, &Problem{Kind: KindMissing, Table: tableSeals, Seal: group[i].Number}
		case fresh[i].Head != group[i].Head || fresh[i].pruned() && !v.pruneSigned(ctx, &fresh[i]):
			return nil, &Problem{Kind: KindBrokenSeal, Table: tableSeals, Seal: group[i].Number}
		}
	}
	return fresh, nil
}

// lineColumnCount is how many columns lineColumns selects.
const lineColumnCount = 7 + 1 + entryColumnCount + 4

// lineColumns are the columns of a line, of its row and of the personal data beside it.
func lineColumns(d database.Dialect) string {
	return rawID(d, "m.entry_id") + ", m.seal, m.position, m.client_commitment, m.detail_commitment, m.leaf, m.mac, " +
		"CASE WHEN e.id IS NULL THEN 0 ELSE 1 END, " + entryColumns(d) + ", pc.subject, pc.content, pd.subject, pd.content"
}
