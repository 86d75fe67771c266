package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// VerifyOptions say what is verified.
type VerifyOptions struct {
	// Since leaves out the rows of seals that are older; their chain is verified. The zero
	// time leaves out nothing.
	Since time.Time
	// Heads is a head file to compare with; nil for none.
	Heads io.Reader
}

// verification is one run.
type verification struct {
	*Sealing

	since   time.Time
	heads   io.Reader
	keys    map[string]*signingKey
	summary Summary
	last    seal // the last seal of the chain
}

// Verify recomputes the trail from the first seal to the last unsealed row. It returns a
// [*Problem] as the error when something is wrong, the first there is, and the summary of
// what it has seen until then. It holds no transaction: what is recorded, sealed, erased or
// pruned meanwhile does not disturb it.
func (l *Sealing) Verify(ctx context.Context, o VerifyOptions) (Summary, error) {
	v := &verification{Sealing: l, since: o.Since, heads: o.Heads}
	for _, step := range []func(context.Context) error{
		v.verifyKeys, v.verifyProgress, v.verifyErasures, v.verifySubjects, v.verifyChain, v.verifyEnd, v.verifyHeads,
		v.verifyEntries, v.verifyUnsealed, v.verifyPersonal,
	} {
		if err := step(ctx); err != nil {
			return v.summary, err
		}
	}
	return v.summary, nil
}

// asProblem returns the problem that err is, if it is one.
func asProblem(err error) (*Problem, bool) {
	var p *Problem
	return p, errors.As(err, &p)
}

// pageSize is how many rows of a table are read at a time.
const pageSize = 2000

// pages reads a table page by page: query takes the last key of the page before and the
// size, and each returns the key of its row. first is before every key.
func (v *verification) pages(ctx context.Context, columns int, query string, first []any, each func(r []raw) ([]any, error)) error {
	for after := first; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := 0
		args := append(append([]any{}, after...), pageSize)
		err := queryRaw(ctx, v.db.Read(), columns, query, args, func(r []raw) error {
			n++
			key, err := each(r)
			after = key
			return err
		})
		if err != nil {
			return err
		}
		if n < pageSize {
			return nil
		}
	}
}

// verifyKeys wants every signing key to be one that this module made, both halves of it.
func (v *verification) verifyKeys(ctx context.Context) error {
	v.keys = map[string]*signingKey{}
	d := v.db.Dialect()
	query := "SELECT id, public_key, private_key, " + rawTime(d, "created_at") + " FROM audit_keys WHERE id > ? ORDER BY id LIMIT ?"
	return v.pages(ctx, 4, query, []any{""}, func(r []raw) ([]any, error) {
		id, isID := r[0].text()
		public, isPublic := r[1].bytes()
		private, isPrivate := r[2].bytes()
		at, isTime := r[3].moment(d)
		row := keyRow{ID: id, PublicKey: public, PrivateKey: private, CreatedAt: at}
		if !isID || !isPublic || !isPrivate || !isTime {
			return nil, &Problem{Kind: KindAltered, Table: tableKeys, Row: id}
		}
		key, err := v.Sealing.keys.open(&row)
		if err != nil {
			return nil, &Problem{Kind: KindAltered, Table: tableKeys, Row: id, Note: "the signing key was replaced, or ENCRYPTION_KEY is not the one it was sealed with"}
		}
		v.keys[id] = key
		return []any{id}, nil
	})
}

// verifyProgress wants the records of progress to be ours.
func (v *verification) verifyProgress(ctx context.Context) error {
	d := v.db.Dialect()
	query := "SELECT source, " + rawTime(d, "reached_at") + ", reached, mac FROM audit_progress WHERE source > ? ORDER BY source LIMIT ?"
	return v.pages(ctx, 4, query, []any{""}, func(r []raw) ([]any, error) {
		source, isText := r[0].text()
		at, isTime := r[1].moment(d)
		reached, isReached := r[2].text()
		code, isCode := r[3].bytes()
		if !isText || !isTime || !isReached || !isCode || !v.marks.authentic(code, markProgress, source, at, reached) {
			return nil, &Problem{Kind: KindAltered, Table: tableProgress, Row: source}
		}
		return []any{source}, nil
	})
}

// verifyErasures wants every mark of an erasure to be ours.
func (v *verification) verifyErasures(ctx context.Context) error {
	query := "SELECT subject, " + rawTime(v.db.Dialect(), "erased_at") + ", mac FROM audit_erasures WHERE subject > ? ORDER BY subject LIMIT ?"
	return v.pages(ctx, 3, query, []any{""}, func(r []raw) ([]any, error) {
		subject, _, ok := v.readErasure(r)
		if !ok {
			return nil, &Problem{Kind: KindAltered, Table: tableErasures, Row: subject, Note: "the mark of an erasure was forged or altered"}
		}
		return []any{subject}, nil
	})
}

// verifySubjects wants every key of a subject to be ours.
func (v *verification) verifySubjects(ctx context.Context) error {
	query := "SELECT subject, secret FROM audit_subjects WHERE subject > ? ORDER BY subject LIMIT ?"
	return v.pages(ctx, 2, query, []any{""}, func(r []raw) ([]any, error) {
		subject, isText := r[0].text()
		secret, isBytes := r[1].bytes()
		_, err := v.secrets.openSubject(subject, secret)
		if !isText || !isBytes || err != nil {
			return nil, &Problem{Kind: KindAltered, Table: tableSubjects, Row: subject, Note: "the key of a subject was replaced"}
		}
		return []any{subject}, nil
	})
}

// verifyEnd wants the newest seal to be the one that was recorded as the newest, and no
// lines of seals that there are not. Both are one statement each, because seals are added.
func (v *verification) verifyEnd(ctx context.Context) error {
	var at struct {
		Newest, Seals int64
		Reached       string
	}
	err := v.db.Read().NewRaw(`SELECT coalesce(max(number), 0) AS newest, count(*) AS seals,
		coalesce((SELECT reached FROM audit_progress WHERE source = ?), '') AS reached FROM audit_seals WHERE number >= ?`,
		progressSeals, v.last.Number).Scan(ctx, &at)
	if err != nil {
		return fmt.Errorf("audit: read the newest seal: %w", err)
	}
	if at.Reached == "" && v.last.Number > 0 {
		return &Problem{Kind: KindMissing, Table: tableProgress, Row: progressSeals, Note: "the record of the newest seal is gone"}
	}
	if at.Reached != "" {
		number, head, err := parseSealRecord(at.Reached)
		if err != nil || number < at.Newest {
			return &Problem{Kind: KindInserted, Table: tableSeals, Seal: at.Newest, Note: "no seal of that number was recorded"}
		}
		if number > at.Newest {
			return &Problem{Kind: KindMissing, Table: tableSeals, Seal: max(at.Newest, v.last.Number) + 1, Note: "seals were removed from the end"}
		}
		if number == v.last.Number && head != v.last.Head {
			return &Problem{Kind: KindBrokenSeal, Table: tableSeals, Seal: number, Note: "its head is not the one that was recorded"}
		}
	}
	return v.verifyStray(ctx)
}

// verifyStray wants no lines of seals that there are not.
func (v *verification) verifyStray(ctx context.Context) error {
	query := "SELECT " + rawID(v.db.Dialect(), "m.entry_id") + `, m.seal, m.position FROM audit_seal_entries AS m LEFT JOIN audit_seals AS s ON s.number = m.seal
		WHERE (m.seal > ? OR m.seal < 1) AND s.number IS NULL ORDER BY m.seal, m.position LIMIT 1`
	var problem *Problem
	err := queryRaw(ctx, v.db.Read(), 3, query, []any{v.last.Number}, func(r []raw) error {
		id, _ := r[0].text()
		number, _ := r[1].number()
		position, _ := r[2].number()
		problem = &Problem{Kind: KindInserted, Table: tableMembers, Row: id, Seal: number, Position: position, Note: "there is no seal of that number"}
		return nil
	})
	if err == nil && problem != nil {
		err = problem
	}
	return err
}

// verifyHeads compares with heads that were kept outside of the database.
func (v *verification) verifyHeads(ctx context.Context) error {
	if v.heads == nil {
		return nil
	}
	return readHeads(v.heads, pageSize, func(lines []headLine) error {
		numbers := make([]int64, len(lines))
		for i, line := range lines {
			numbers[i] = line.number
		}
		found, err := v.headsOf(ctx, numbers)
		if err != nil {
			return err
		}
		for _, line := range lines {
			head, ok := found[line.number]
			if !ok {
				return &Problem{Kind: KindMissing, Table: tableSeals, Seal: line.number, Note: "the " + headFileName + " knows it"}
			}
			if head != line.head {
				return &Problem{Kind: KindBrokenSeal, Table: tableSeals, Seal: line.number, Note: "the " + headFileName + " knows another head"}
			}
		}
		return nil
	})
}
