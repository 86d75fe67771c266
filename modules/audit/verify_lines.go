package audit

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"time"

	"github.com/uptrace/bun"
)

func hexOf(d digest) string { return hex.EncodeToString(d[:]) }

// line is a line of audit_seal_entries as it was found, with its row and the personal data.
type line struct {
	id             string
	seal, position int64
	client, detail []byte // commitments
	leaf           digest
	mac            []byte
	wrong          string // the first column that holds what this module never writes
	there          bool   // whether there is a row
	entry          rawEntry
	parts          [2]foundPart
}

// foundPart is a part of personal data as it was found.
type foundPart struct {
	name       string
	commitment []byte
	subject    string // of the row
	there      bool
	keptFor    string // the subject that it is stored for
	content    []byte
}

// readLine reads the columns of lineColumns.
func (v *verification) readLine(r []raw) line {
	var l line
	note := func(ok bool, column string) {
		if !ok && l.wrong == "" {
			l.wrong = column
		}
	}
	var ok bool
	l.id, ok = r[0].text()
	note(ok, "entry_id")
	l.seal, ok = r[1].number()
	note(ok, "seal")
	l.position, ok = r[2].number()
	note(ok, "position")
	l.client, ok = r[3].optionalHash()
	note(ok, "client_commitment")
	l.detail, ok = r[4].optionalHash()
	note(ok, "detail_commitment")
	l.leaf, ok = r[5].hash()
	note(ok, "leaf")
	l.mac, ok = r[6].bytes()
	note(ok, "mac")
	there, _ := r[7].number()
	if l.there = there == 1; l.there {
		l.entry = readEntry(v.db.Dialect(), r[8:8+entryColumnCount])
	}
	personal := r[8+entryColumnCount:]
	for i, p := range []foundPart{
		{name: partClient, commitment: l.client, subject: l.entry.ClientSubject},
		{name: partDetail, commitment: l.detail, subject: l.entry.DetailSubject},
	} {
		p.there = !personal[2*i].null()
		if p.there {
			p.keptFor, _ = personal[2*i].text()
			p.content, _ = personal[2*i+1].bytes()
		}
		l.parts[i] = p
	}
	return l
}

// verifyLines verifies the rows of a few seals that follow one another and returns how many
// there are. What is wrong is found in the order of the trail.
func (v *verification) verifyLines(ctx context.Context, group []seal) (rows int64, err error) {
	var expected int64
	for i := range group {
		if !group[i].pruned() {
			expected += group[i].Entries
		}
	}
	lines, err := v.lines(ctx, group[0].Number, group[len(group)-1].Number, expected+1)
	if err != nil {
		return 0, err
	}
	known, err := v.know(ctx, lines)
	if err != nil {
		return 0, err
	}
	for i := range group {
		n := 0
		for n < len(lines) && lines[n].seal <= group[i].Number {
			n++
		}
		if err := v.verifyCover(ctx, &group[i], lines[:n], known); err != nil {
			return rows, err
		}
		rows += int64(n)
		lines = lines[n:]
	}
	return rows, nil
}

// lines reads lines of seals, in order.
func (v *verification) lines(ctx context.Context, from, to, limit int64) ([]line, error) {
	query := "SELECT " + lineColumns(v.db.Dialect()) + ` FROM audit_seal_entries AS m LEFT JOIN audit_entries AS e ON e.id = m.entry_id
		LEFT JOIN audit_personal AS pc ON pc.entry_id = m.entry_id AND pc.part = 'client'
		LEFT JOIN audit_personal AS pd ON pd.entry_id = m.entry_id AND pd.part = 'detail'
		WHERE m.seal BETWEEN ? AND ? ORDER BY m.seal, m.position LIMIT ?`
	var lines []line
	err := queryRaw(ctx, v.db.Read(), lineColumnCount, query, []any{from, to, limit}, func(r []raw) error {
		lines = append(lines, v.readLine(r))
		return nil
	})
	return lines, err
}

// knowledge is what is needed to judge personal data.
type knowledge struct {
	keys   map[string][]byte
	erased map[string]time.Time
}

// know reads the keys of the subjects of the lines, and then which of them were erased: in
// this order, so that what is missing has its mark.
func (v *verification) know(ctx context.Context, lines []line) (knowledge, error) {
	seen := map[string]bool{}
	var subjects []string
	for i := range lines {
		for _, p := range lines[i].parts {
			if p.commitment != nil && p.subject != "" && !seen[p.subject] {
				seen[p.subject] = true
				subjects = append(subjects, p.subject)
			}
		}
	}
	k := knowledge{keys: map[string][]byte{}}
	if len(subjects) == 0 {
		return k, nil
	}
	err := queryRaw(ctx, v.db.Read(), 2, "SELECT subject, secret FROM audit_subjects WHERE subject IN (?)", []any{bun.List(subjects)}, func(r []raw) error {
		subject, _ := r[0].text()
		secret, _ := r[1].bytes()
		if key, err := v.secrets.openSubject(subject, secret); err == nil {
			k.keys[subject] = key
		}
		return nil
	})
	if err != nil {
		return k, err
	}
	k.erased, err = v.erasures(ctx, v.db.Read(), subjects)
	return k, err
}

// verifyCover verifies the lines that were found of a seal.
func (v *verification) verifyCover(ctx context.Context, s *seal, lines []line, known knowledge) error {
	if s.pruned() {
		if len(lines) > 0 {
			return &Problem{
				Kind: KindInserted, Table: tableMembers, Row: lines[0].id, Seal: lines[0].seal, Position: lines[0].position,
				Note: "the rows of this seal were removed because of their age",
			}
		}
		return nil
	}
	key := v.keys[s.KeyID]
	if key == nil {
		return errors.New("audit: a signing key vanished while it was verified")
	}
	var tree merkle
	for i := range lines {
		l := &lines[i]
		if p := v.verifyLine(s, key, l, known); p != nil {
			if p.Row == "" {
				id, err := v.orphan(ctx, s)
				if err != nil {
					return err
				}
				p.Row = id
			}
			return p
		}
		if l.position != int64(i) {
			return v.missingLine(ctx, s, int64(i))
		}
		if l.position >= s.Entries {
			return &Problem{Kind: KindInserted, Table: tableMembers, Row: l.id, Seal: s.Number, Position: l.position}
		}
		tree.add(leafOf(&l.entry.Entry, l.client, l.detail))
	}
	if int64(len(lines)) < s.Entries {
		return v.missingLine(ctx, s, int64(len(lines)))
	}
	if tree.root() != s.Root {
		return &Problem{Kind: KindBrokenSeal, Table: tableSeals, Seal: s.Number, Field: "root", Note: "it does not cover its rows"}
	}
	return nil
}

// missingLine is the problem of a position of a seal that nothing lies at.
func (v *verification) missingLine(ctx context.Context, s *seal, position int64) error {
	p := &Problem{Kind: KindMissing, Table: tableMembers, Seal: s.Number, Position: position}
	moved, err := v.moved(ctx, s, position)
	if err != nil {
		return err
	}
	if moved != nil {
		p.Kind, p.Row, p.Note = KindReordered, moved.id, "it was moved to seal "+itoa(moved.seal)+", position "+itoa(moved.position)
		return p
	}
	if p.Row, err = v.orphan(ctx, s); err != nil {
		return err
	}
	p.Note = "neither the row nor its line is left"
	if p.Row != "" {
		p.Note = "the row is there and lies under no seal"
	}
	return p
}

// verifyLine verifies a line, its row and the personal data.
func (v *verification) verifyLine(s *seal, key *signingKey, l *line, known knowledge) *Problem {
	p := &Problem{Kind: KindAltered, Table: tableMembers, Row: l.id, Seal: s.Number, Position: l.position}
	code := func(position int64) bool {
		return hmac.Equal(l.mac, key.memberMAC(l.id, l.seal, position, l.leaf, l.client, l.detail))
	}
	switch e := &l.entry; {
	case l.wrong != "":
		p.Field = l.wrong
		return p
	case l.seal != s.Number:
		p.Kind, p.Note = KindInserted, "there is no seal "+itoa(l.seal)
		return p
	case !code(l.position):
		for i := range s.Entries {
			if code(i) {
				p.Kind, p.Note = KindReordered, "its position is "+itoa(i)
				return p
			}
		}
		if l.position >= s.Entries {
			p.Kind = KindInserted
		}
		return p
	case !l.there:
		p.Kind, p.Table = KindMissing, tableEntries
		return p
	case e.wrong != "":
		p.Table, p.Field = tableEntries, e.wrong
		return p
	case e.waiting:
		p.Table, p.Field = tableEntries, "pending"
		return p
	case len(e.mac) > 0:
		p.Table, p.Field = tableEntries, "mac"
		return p
	case e.xid != "0":
		p.Table, p.Field = tableEntries, "xid"
		return p
	case leafOf(&e.Entry, l.client, l.detail) != l.leaf:
		p.Table, p.Field = tableEntries, v.alteredField(l)
		return p
	}
	return v.verifyParts(l, known, p)
}

// alteredField tries which single field was altered: the ones that can be guessed.
func (v *verification) alteredField(l *line) string {
	other := l.entry.Entry
	other.Success = !other.Success
	if leafOf(&other, l.client, l.detail) == l.leaf {
		return "success"
	}
	for _, step := range []time.Duration{-time.Microsecond, time.Microsecond, -time.Second, time.Second} {
		other = l.entry.Entry
		other.CreatedAt = other.CreatedAt.Add(step)
		if leafOf(&other, l.client, l.detail) == l.leaf {
			return "created_at"
		}
	}
	return ""
}

// verifyParts verifies the personal data of a row against its commitments. What is missing
// must have been erased.
func (v *verification) verifyParts(l *line, known knowledge, p *Problem) *Problem {
	p.Table = tablePersonal
	for _, part := range l.parts {
		p.Field = part.name
		if part.commitment == nil {
			if part.there {
				p.Kind = KindInserted
				return p
			}
			continue
		}
		erased := covers(known.erased, part.subject, l.entry.CreatedAt)
		key := known.keys[part.subject]
		switch {
		case !part.there && erased:
		case !part.there:
			p.Kind, p.Note = KindMissing, "it was not erased"
			return p
		case part.keptFor != part.subject:
			p.Note = "it is kept for another subject"
			return p
		case key == nil && erased:
			// It was sealed while it was erased, and the next seal sweeps it.
		case key == nil:
			p.Kind, p.Table, p.Note = KindMissing, tableSubjects, "the key of "+part.subject+" is gone, and it was not erased"
			return p
		case !part.honest(l.id, key) && !erased:
			p.Note = "it is not what was committed to"
			return p
		}
	}
	return nil
}

// honest reports whether the content is what the commitment was made to.
func (f *foundPart) honest(entryID string, key []byte) bool {
	content, err := openPart(key, entryID, f.name, f.content)
	if err != nil {
		return false
	}
	want, err := commitment(key, entryID, f.name, content)
	return err == nil && hmac.Equal(want, f.commitment)
}
