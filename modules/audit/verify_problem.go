package audit

import (
	"fmt"
	"strings"
)

// Kind says in a word what is wrong with the trail.
type Kind string

// The kinds of problems.
const (
	KindAltered     Kind = "altered"
	KindMissing     Kind = "missing"
	KindInserted    Kind = "inserted"
	KindReordered   Kind = "reordered"
	KindBrokenSeal  Kind = "broken seal"
	KindBrokenChain Kind = "broken chain"
)

// Problem is the first thing that is wrong with the trail.
type Problem struct {
	Kind Kind `json:"kind"`
	// Table is where it was found.
	Table string `json:"table"`
	// Row is the id of the row of the trail that it is about, or what else names a row of
	// Table; empty when it is about a seal, or when nothing is left to tell.
	Row string `json:"row,omitzero"`
	// Seal and Position are where the row lies: positions count from 0. Seal is 0 for what
	// lies under none.
	Seal     int64 `json:"seal,omitzero"`
	Position int64 `json:"position,omitzero"`
	// Field is what was altered, when that can be told.
	Field string `json:"field,omitzero"`
	// Note says more.
	Note string `json:"note,omitzero"`
}

// Error says all of it in a line.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(string(p.Kind))
	if p.Row != "" {
		fmt.Fprintf(&b, ": row %s", p.Row)
	}
	if p.Seal != 0 {
		fmt.Fprintf(&b, ", seal %d", p.Seal)
		if p.Row != "" || p.Position != 0 {
			fmt.Fprintf(&b, ", position %d", p.Position)
		}
	}
	if p.Field != "" {
		fmt.Fprintf(&b, ", field %s", p.Field)
	}
	fmt.Fprintf(&b, " (%s", p.Table)
	if p.Note != "" {
		b.WriteString(": " + p.Note)
	}
	b.WriteString(")")
	return b.String()
}

// The tables, as problems name them.
const (
	tableEntries  = "audit_entries"
	tableSeals    = "audit_seals"
	tableMembers  = "audit_seal_entries"
	tableKeys     = "audit_keys"
	tableSubjects = "audit_subjects"
	tablePersonal = "audit_personal"
	tableErasures = "audit_erasures"
	tableProgress = "audit_progress"
	headFileName  = "head file"
)

// Summary is what a verification looked at.
type Summary struct {
	// Seals and Rows were verified; PrunedSeals of the seals have no rows any more.
	Seals       int64 `json:"seals"`
	PrunedSeals int64 `json:"pruned_seals"`
	Rows        int64 `json:"rows"`
	// UnsealedRows are authentic and wait to be sealed.
	UnsealedRows int64 `json:"unsealed_rows"`
	// LastSeal and LastHead are the newest seal, in hexadecimal; keep them elsewhere.
	LastSeal int64  `json:"last_seal"`
	LastHead string `json:"last_head"`
}
