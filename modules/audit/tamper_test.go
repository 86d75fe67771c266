package audit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
)

// tamperings is how many random alterations must be found.
const tamperings = 200

// Whoever can write to the database alters something by SQL. Each alteration is undone
// before the next, and verify must find every one and, where it is about a row, name it.
//
// What cannot be found is left out, and said in the package's documentation: unsealed rows
// that are deleted; the order (xid) of unsealed rows; records of how far deletion marks and
// erasures were read, when they are deleted, which only makes that work be done again; and
// marks of erasures that nothing was erased by.
func TestTamperings(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("TAMPER_SEED"); given != "" {
		n, err := strconv.ParseUint(given, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		t.Logf("TAMPER_SEED=%d", seed)
		x := newTamperer(t, b, rand.New(rand.NewPCG(seed, 1)))
		kinds := map[string]int{}
		for n := range tamperings {
			done := x.next()
			kinds[done.kind]++
			if p := x.problem(t); p == nil {
				t.Errorf("tampering %d is not found: %s", n, done)
			} else if len(done.rows) > 0 && !slices.Contains(done.rows, p.Row) {
				t.Errorf("tampering %d, %s, is found as: %v", n, done, p)
			} else if done.seal != 0 && p.Seal != done.seal {
				t.Errorf("tampering %d, %s, is found under another seal: %v", n, done, p)
			}
			x.restore()
			if n%20 == 0 {
				x.verify(t)
			}
		}
		x.verify(t)
		t.Logf("found: %v", kinds)
	})
}

// tables are those that are tampered with, with their keys.
var tables = map[string][]string{
	"audit_entries": {"id"}, "audit_seals": {"number"}, "audit_seal_entries": {"entry_id"}, "audit_keys": {"id"},
	"audit_subjects": {"subject"}, "audit_personal": {"entry_id", "part"}, "audit_erasures": {"subject"}, "audit_progress": {"source"},
}

// tampering is what was done.
type tampering struct {
	kind, says string
	rows       []string // of which verify must name one
	seal       int64    // that verify must name
}

func (d tampering) String() string { return d.kind + ": " + d.says }

// tamperer tampers with a rich trail.
type tamperer struct {
	*vault
	t   *testing.T
	r   *rand.Rand
	ids id.Generator
}

// newTamperer makes a trail in which there is something of everything: two keys, a seal
// that was pruned, people who were erased before and after their rows were sealed, and
// unsealed rows.
func newTamperer(t *testing.T, b platformtest.Backend, r *rand.Rand) *tamperer {
	t.Helper()
	marks := &deleted{marks: []authn.DeletionMark{{At: b.Clock.Now().Add(-time.Hour), ID: "01900000-0000-7000-8000-00000000d001"}}}
	v := newVault(t, b, func(s *vaultSetup) { s.config.RetentionDays, s.people = 30, marks })
	x := &tamperer{vault: v, t: t, r: r}
	v.publish(t, events.Fact{Action: "thing.done", ActorID: marks.marks[0].ID})
	v.seal(t, 1)
	v.publish(t, deeds(4)...)
	v.seal(t, 4)
	b.Clock.Advance(40 * 24 * time.Hour)
	v.publish(t, deeds(9)...)
	v.seal(t, 9)
	x.run("reconcile_audit")
	if _, err := v.sealing.RotateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	carol := "01900000-0000-7000-8000-00000000d003"
	v.publish(t, events.Fact{Action: "thing.done", ActorID: carol}, events.Fact{Action: "user.login", Personal: map[string]string{"email": "carol@example.com"}})
	v.seal(t, 3)
	v.publish(t, events.Fact{Action: "thing.done", ActorID: carol})
	v.deleteUser(t, carol, "carol@example.com")
	v.seal(t, 1)
	for _, n := range []int{5, 1, 8, 6} {
		v.publish(t, deeds(n)...)
		v.seal(t, n)
	}
	x.run("prune_audit")
	v.seal(t, 1)
	b.Clock.Advance(time.Hour)
	v.seal(t, 0)
	v.publish(t, deeds(5)...)
	if s := v.verify(t); s.PrunedSeals != 2 || s.UnsealedRows != 5 {
		t.Fatalf("the trail to tamper with: %+v", s)
	}
	for table := range tables {
		x.exec(t, "CREATE TABLE kept_"+table+" AS SELECT * FROM "+table)
	}
	return x
}

// deleted are people of whom some were deleted.
type deleted struct {
	people
	marks []authn.DeletionMark
}

func (d *deleted) UsersDeleted(_ context.Context, _ bun.IDB, after authn.DeletionMark, limit int) ([]authn.DeletionMark, error) {
	var found []authn.DeletionMark
	for _, m := range d.marks {
		if (m.At.After(after.At) || m.At.Equal(after.At) && m.ID > after.ID) && len(found) < limit {
			found = append(found, m)
		}
	}
	return found, nil
}

func (x *tamperer) run(job string) {
	x.t.Helper()
	if _, err := x.sealing.Run(x.t.Context(), job); err != nil {
		x.t.Fatalf("%s: %v", job, err)
	}
}

// restore undoes everything.
func (x *tamperer) restore() {
	x.t.Helper()
	err := x.DB.InTx(x.t.Context(), func(ctx context.Context, tx bun.Tx) error {
		for table := range tables {
			if _, err := tx.NewRaw("DELETE FROM " + table).Exec(ctx); err != nil {
				return err
			}
			if _, err := tx.NewRaw("INSERT INTO " + table + " SELECT * FROM kept_" + table).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		x.t.Fatalf("undo: %v", err)
	}
}

// record is a row of any table.
type record map[string]any

// all reads a table in the order of its key.
func (x *tamperer) all(table string) (found []record) {
	x.t.Helper()
	rows, err := x.DB.Read().QueryContext(x.t.Context(), "SELECT * FROM "+table+" ORDER BY "+strings.Join(tables[table], ", "))
	if err != nil {
		x.t.Fatalf("read %s: %v", table, err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	for err == nil && rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		err = rows.Scan(into...)
		r := record{}
		for i, name := range names {
			r[name] = values[i]
		}
		found = append(found, r)
	}
	if err := errors.Join(err, rows.Err()); err != nil {
		x.t.Fatalf("read %s: %v", table, err)
	}
	return found
}

// write runs statements, and reports whether the database took them and something changed.
func (x *tamperer) write(statements ...statement) bool {
	x.t.Helper()
	var changed int64
	err := x.DB.InTx(x.t.Context(), func(ctx context.Context, tx bun.Tx) error {
		changed = 0
		for _, s := range statements {
			result, err := tx.NewRaw(s.sql, s.args...).Exec(ctx)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			changed += n
		}
		return nil
	})
	return err == nil && changed > 0
}

type statement struct {
	sql  string
	args []any
}

// where names a row by its key.
func where(table string, r record) (string, []any) {
	var parts []string
	var args []any
	for _, k := range tables[table] {
		parts = append(parts, k+" = ?")
		args = append(args, r[k])
	}
	return " WHERE " + strings.Join(parts, " AND "), args
}

func update(table string, r record, set map[string]any) statement {
	var parts []string
	var args []any
	for _, column := range sortedKeys(set) {
		parts = append(parts, column+" = ?")
		args = append(args, set[column])
	}
	condition, key := where(table, r)
	return statement{"UPDATE " + table + " SET " + strings.Join(parts, ", ") + condition, append(args, key...)}
}

func remove(table string, r record) statement {
	condition, key := where(table, r)
	return statement{"DELETE FROM " + table + condition, key}
}

func insert(table string, r record) statement {
	names := sortedKeys(r)
	args := make([]any, len(names))
	for i, name := range names {
		args[i] = r[name]
	}
	return statement{"INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(names)-1) + ")", args}
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// pick is one of them at random.
func pick[T any](r *rand.Rand, all []T) T { return all[r.IntN(len(all))] }

// other is another value of the same type: a bit, a byte, a microsecond away, nothing, or
// what another row has.
func (x *tamperer) other(column string, v any, rows []record) any {
	switch v := v.(type) {
	case nil:
		for _, r := range rows {
			if r[column] != nil {
				return r[column]
			}
		}
		return "x"
	case bool:
		return !v
	case int64:
		return v + pick(x.r, []int64{-1, 1, 2, 1000})
	case time.Time:
		return v.Add(pick(x.r, []time.Duration{-time.Microsecond, time.Microsecond, time.Second, -time.Hour, 24 * time.Hour}))
	case []byte:
		switch b := slices.Clone(v); x.r.IntN(4) {
		case 0:
			return pick(x.r, rows)[column]
		case 1:
			return append(b, 0)
		default:
			if len(b) == 0 {
				return []byte{1}
			}
			b[x.r.IntN(len(b))] ^= 1 << x.r.IntN(8)
			return b
		}
	case string:
		if len(v) == 36 && strings.Count(v, "-") == 4 && x.r.IntN(2) == 0 {
			return x.ids.New()
		}
		switch x.r.IntN(4) {
		case 0:
			return pick(x.r, rows)[column]
		case 1:
			return v + " "
		case 2:
			return nil
		default:
			if v == "" {
				return "x"
			}
			b := []byte(v)
			at := x.r.IntN(len(b))
			b[at] = "abcdef0123456789"[(int(b[at])+x.r.IntN(15)+1)%16]
			return string(b)
		}
	}
	x.t.Fatalf("column %s holds a %T", column, v)
	return nil
}

// next tampers at random until the database takes it.
func (x *tamperer) next() tampering {
	x.t.Helper()
	for range 1000 {
		table := pick(x.r, sortedKeys(tables))
		if x.r.IntN(2) == 0 { // what the trail is about is what is tampered with most
			table = pick(x.r, []string{"audit_entries", "audit_seal_entries", "audit_personal"})
		}
		attempt := pick(x.r, []func(string) (tampering, []statement){
			x.updateOne, x.updateOne, x.updateOne, x.deleteOne, x.copyOne, x.swapTwo, x.special,
		})
		done, statements := attempt(table)
		if len(statements) > 0 && x.write(statements...) {
			return done
		}
	}
	x.t.Fatal("no tampering that the database takes")
	return tampering{}
}

// rowsOf are the rows of the trail that a row of a table is about.
func rowsOf(table string, all ...record) []string {
	column := map[string]string{"audit_entries": "id", "audit_seal_entries": "entry_id", "audit_personal": "entry_id"}[table]
	if column == "" {
		return nil
	}
	var ids []string
	for _, r := range all {
		if s, ok := r[column].(string); ok {
			ids = append(ids, s)
		}
	}
	return ids
}

func (x *tamperer) updateOne(table string) (tampering, []statement) {
	rows := x.all(table)
	r := pick(x.r, rows)
	column := pick(x.r, sortedKeys(r))
	if column == "xid" && r["pending"] != nil {
		return tampering{}, nil
	}
	v := x.other(column, r[column], rows)
	if column == "xid" { // PostgreSQL takes any text for a number
		v = strconv.Itoa(x.r.IntN(1000) + 1)
	}
	if reflect.DeepEqual(v, r[column]) {
		return tampering{}, nil
	}
	changed := record{}
	for k, old := range r {
		changed[k] = old
	}
	changed[column] = v
	return tampering{
		kind: "update " + table + "." + column, says: fmt.Sprintf("%v: %v becomes %v", key(table, r), r[column], v), rows: rowsOf(table, r, changed),
	}, []statement{update(table, r, map[string]any{column: v})}
}

func key(table string, r record) []any {
	var values []any
	for _, k := range tables[table] {
		values = append(values, r[k])
	}
	return values
}

func (x *tamperer) deleteOne(table string) (tampering, []statement) {
	r := pick(x.r, x.all(table))
	switch {
	case table == "audit_entries" && r["pending"] != nil,
		table == "audit_progress" && r["source"] != "seals",
		table == "audit_erasures" && !x.erasedSomething(r["subject"]):
		return tampering{}, nil
	}
	return tampering{kind: "delete " + table, says: fmt.Sprint(key(table, r)), rows: rowsOf(table, r)}, []statement{remove(table, r)}
}

// erasedSomething reports whether a sealed row had data of the subject.
func (x *tamperer) erasedSomething(subject any) bool {
	n, err := x.DB.Read().NewSelect().Table("audit_entries").Where("pending IS NULL").
		Where("client_subject = ? OR detail_subject = ?", subject, subject).Count(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	return n > 0
}

func (x *tamperer) copyOne(table string) (tampering, []statement) {
	rows := x.all(table)
	r := pick(x.r, rows)
	twin := record{}
	for k, v := range r {
		twin[k] = v
	}
	for _, k := range tables[table] {
		switch v := r[k].(type) {
		case int64:
			twin[k] = v + int64(x.r.IntN(30)) + 1
		case string:
			if len(v) == 36 {
				twin[k] = x.ids.New()
			} else if k != "part" {
				twin[k] = v + "x"
			}
		}
	}
	if _, ok := twin["position"]; ok {
		twin["position"] = pick(x.r, []int64{r["position"].(int64) + 100, -1})
	}
	if table == "audit_entries" && x.r.IntN(2) == 0 {
		twin["pending"] = nil
	}
	return tampering{kind: "copy " + table, says: fmt.Sprint(key(table, r), " as ", key(table, twin)), rows: rowsOf(table, twin)},
		[]statement{insert(table, twin)}
}

// swapTwo swaps everything but the keys of two rows.
func (x *tamperer) swapTwo(table string) (tampering, []statement) {
	rows := x.all(table)
	a, b := pick(x.r, rows), pick(x.r, rows)
	if reflect.DeepEqual(key(table, a), key(table, b)) {
		return tampering{}, nil
	}
	toA, toB := map[string]any{}, map[string]any{}
	for k := range a {
		if !slices.Contains(tables[table], k) && !reflect.DeepEqual(a[k], b[k]) {
			toA[k], toB[k] = b[k], a[k]
		}
	}
	if len(toA) == 0 || len(toA) == 1 && toA["xid"] != nil {
		return tampering{}, nil
	}
	done := tampering{kind: "swap " + table, says: fmt.Sprint(key(table, a), " and ", key(table, b)), rows: rowsOf(table, a, b)}
	if table == "audit_seal_entries" { // (seal, position) is unique
		toA["seal"], toA["position"] = b["seal"], b["position"]
		away := map[string]any{"seal": int64(-7), "position": int64(-7)}
		return done, []statement{update(table, a, away), update(table, b, toB), update(table, a, toA)}
	}
	return done, []statement{update(table, a, toA), update(table, b, toB)}
}

// special is what takes more than one statement, or a plan.
func (x *tamperer) special(string) (tampering, []statement) {
	members := x.all("audit_seal_entries")
	m := pick(x.r, members)
	entry := record{"id": m["entry_id"]}
	personal := statement{"DELETE FROM audit_personal WHERE entry_id = ?", []any{m["entry_id"]}}
	seals := x.all("audit_seals")
	s := pick(x.r, seals[1:])
	number := s["number"].(int64)
	switch x.r.IntN(8) {
	case 0:
		return tampering{kind: "delete a row with its line", says: fmt.Sprint(m["entry_id"]), seal: m["seal"].(int64)},
			[]statement{remove("audit_entries", entry), remove("audit_seal_entries", m)}
	case 1:
		return tampering{kind: "delete a row without a trace", says: fmt.Sprint(m["entry_id"]), seal: m["seal"].(int64)},
			[]statement{remove("audit_entries", entry), remove("audit_seal_entries", m), personal}
	case 2:
		if number == seals[len(seals)-1]["number"] {
			return tampering{kind: "delete the last seal with its rows", says: fmt.Sprint(number), seal: number}, x.whole(number)
		}
		return tampering{kind: "delete a seal with its rows", says: fmt.Sprint(number), seal: number}, x.whole(number)
	case 3:
		return tampering{kind: "renumber a seal", says: fmt.Sprint(number)},
			[]statement{update("audit_seals", s, map[string]any{"number": number + 500})}
	case 4:
		n := pick(x.r, members)
		return tampering{kind: "move a line", says: fmt.Sprint(m["entry_id"]), rows: []string{m["entry_id"].(string)}},
			[]statement{update("audit_seal_entries", m, map[string]any{"seal": n["seal"], "position": int64(99)})}
	case 5:
		return tampering{kind: "re-point a line", says: fmt.Sprint(m["entry_id"])},
			[]statement{update("audit_seal_entries", m, map[string]any{"entry_id": x.ids.New()})}
	case 6:
		return tampering{kind: "forget a person without a mark", says: fmt.Sprint(m["entry_id"])},
			[]statement{personal, {"DELETE FROM audit_subjects WHERE subject = 'user:" + ann + "'", nil}, {"DELETE FROM audit_personal WHERE subject = 'user:" + ann + "'", nil}}
	default:
		return tampering{kind: "take an unsealed row for a sealed one", says: "all unsealed"},
			[]statement{{"UPDATE audit_entries SET pending = NULL WHERE pending IS NOT NULL", nil}}
	}
}

// whole deletes a seal with everything under it.
func (x *tamperer) whole(number int64) []statement {
	under := "(SELECT entry_id FROM audit_seal_entries WHERE seal = " + fmt.Sprint(number) + ")"
	return []statement{
		{"DELETE FROM audit_personal WHERE entry_id IN " + under, nil},
		{"DELETE FROM audit_entries WHERE id IN " + under, nil},
		{"DELETE FROM audit_seal_entries WHERE seal = " + fmt.Sprint(number), nil},
		{"DELETE FROM audit_seals WHERE number = " + fmt.Sprint(number), nil},
	}
}

// TestHeadFile finds the end of a trail that was cut off together with every record of it.
func TestHeadFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "heads")
	v := newVault(t, platformtest.SQLite(t, lines()...), func(s *vaultSetup) { s.config.HeadFile = path })
	check := func() error {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		_, err = v.sealing.Verify(t.Context(), audit.VerifyOptions{Heads: f})
		return err
	}
	v.publish(t, deeds(3)...)
	v.seal(t, 3)
	x := &tamperer{vault: v, t: t}
	kept := x.all("audit_progress")
	v.publish(t, deeds(3)...)
	v.seal(t, 3)
	if err := check(); err != nil {
		t.Fatalf("an untouched trail: %v", err)
	}
	// Somebody who has kept the record of the first seal cuts off the second.
	x.write(x.whole(2)...)
	for _, r := range kept {
		x.write(update("audit_progress", r, r))
	}
	if p := v.problem(t); p != nil {
		t.Logf("found without the file: %v", p)
	}
	var p *audit.Problem
	if err := check(); !errors.As(err, &p) || p.Kind != audit.KindMissing || p.Seal != 2 {
		t.Errorf("with the head file: %v", err)
	}
}
