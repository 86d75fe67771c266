package audit

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
)

// ArchiveOptions say what goes into an archive.
type ArchiveOptions struct {
	// Since and Until bound when rows were written, both inclusive; zero bounds nothing.
	Since, Until time.Time
	// Organization keeps to the rows of one; empty keeps all.
	Organization string
}

// wants reports whether a row was asked for.
func (o *ArchiveOptions) wants(e *Entry) bool {
	return (o.Organization == "" || e.OrganizationID == o.Organization) &&
		!e.CreatedAt.Before(o.Since) && (o.Until.IsZero() || !e.CreatedAt.After(o.Until))
}

// errNothingSealed means that there is no seal to make an archive of.
var errNothingSealed = errors.New("audit: nothing that was asked for is sealed")

// WriteArchive seals what there is, records that it is taken out, and writes an archive of
// it that can be verified without the database.
func (l *Sealing) WriteArchive(ctx context.Context, w io.Writer, o ArchiveOptions) (rows int64, err error) {
	asked := Filter{Since: o.Since, Until: o.Until}
	if err := l.recordExport(ctx, o.Organization, "archive", asked.words()); err != nil {
		return 0, err
	}
	if err := l.drain(ctx, jobs.Report{}, -settled); err != nil {
		return 0, err
	}
	a := &archiver{verification: verification{Sealing: l}, options: o, zip: zip.NewWriter(w)}
	if err := a.verifyKeys(ctx); err != nil {
		return 0, err
	}
	if err := a.write(ctx); err != nil {
		return 0, err
	}
	return a.manifest.Rows, nil
}

// recordExport records that the operator takes rows out.
func (l *Sealing) recordExport(ctx context.Context, organization, format string, words map[string]string) error {
	f := events.Fact{
		Action: ActionExport, OrganizationID: organization, ResourceType: "audit_trail", Success: true,
		Metadata: map[string]string{"format": format},
	}
	maps.Copy(f.Metadata, words)
	return l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return l.bus.Publish(ctx, tx, f) })
}

// archiver writes one archive.
type archiver struct {
	verification

	options  ArchiveOptions
	zip      *zip.Writer
	manifest manifest
	used     map[string]bool // ids of keys
}

// measured counts and hashes what is written to a member.
type measured struct {
	w   io.Writer
	sum hash.Hash
	n   int64
}

// Write writes on.
func (m *measured) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.sum.Write(p[:n])
	m.n += int64(n)
	return n, err
}

// member writes one member with fill and notes it in the manifest.
func (a *archiver) member(name string, fill func(*json.Encoder) error) error {
	w, err := a.zip.Create(name)
	if err != nil {
		return fmt.Errorf("audit: write the archive: %w", err)
	}
	m := &measured{w: w, sum: sha256.New()}
	if err := fill(json.NewEncoder(m)); err != nil {
		return err
	}
	a.manifest.Members[name] = member{Bytes: m.n, SHA256: hex.EncodeToString(m.sum.Sum(nil))}
	return nil
}

func (a *archiver) write(ctx context.Context) error {
	first, last, err := a.rangeOf(ctx)
	if err != nil {
		return err
	}
	a.used = map[string]bool{}
	a.manifest = manifest{
		Version: archiveVersion, CreatedAt: a.now(), Since: a.options.Since, Until: a.options.Until, Organization: a.options.Organization,
		FirstSeal: first, LastSeal: last, Members: map[string]member{},
	}
	if err := a.member(memberSeals, func(out *json.Encoder) error { return a.seals(ctx, first, last, out) }); err != nil {
		return err
	}
	if err := a.member(memberRows, func(out *json.Encoder) error { return a.rows(ctx, first, last, out) }); err != nil {
		return err
	}
	return a.sign(ctx)
}

// rangeOf returns the seals that reach into the period that was asked for.
func (a *archiver) rangeOf(ctx context.Context) (first, last int64, err error) {
	query := "SELECT coalesce(min(number), 0), coalesce(max(number), 0) FROM audit_seals WHERE last_at >= ?"
	args := []any{a.options.Since.UTC()}
	if !a.options.Until.IsZero() {
		query += " AND first_at <= ?"
		args = append(args, a.options.Until.UTC())
	}
	if err := a.db.Read().NewRaw(query, args...).Scan(ctx, &first, &last); err != nil {
		return 0, 0, fmt.Errorf("audit: read the seals: %w", err)
	}
	if first == 0 {
		return 0, 0, errNothingSealed
	}
	return first, last, nil
}

// eachSeal calls each for the seals from first to last, a page of them at a time.
func (a *archiver) eachSeal(ctx context.Context, first, last int64, each func([]seal) error) error {
	d := a.db.Dialect()
	query := "SELECT " + sealColumns(d) + " FROM audit_seals WHERE number BETWEEN ? AND ? ORDER BY number LIMIT ?"
	const page = 50
	for first <= last {
		var seals []seal
		broken := ""
		err := queryRaw(ctx, a.db.Read(), sealColumnCount, query, []any{first, last, page}, func(r []raw) error {
			s, wrong := readSeal(d, r)
			seals = append(seals, s)
			broken += wrong
			return nil
		})
		if err != nil {
			return err
		}
		if len(seals) == 0 || broken != "" {
			return fmt.Errorf("audit: the seals from %d on are broken: authy2 audit verify tells how", first)
		}
		if err := each(seals); err != nil {
			return err
		}
		first = seals[len(seals)-1].Number + 1
	}
	return nil
}

// seals writes the seals.
func (a *archiver) seals(ctx context.Context, first, last int64, out *json.Encoder) error {
	return a.eachSeal(ctx, first, last, func(seals []seal) error {
		for i := range seals {
			s := &seals[i]
			if a.manifest.Seals == 0 {
				a.manifest.Previous = hexOf(s.Previous)
			}
			a.manifest.Seals++
			a.manifest.LastHead = hexOf(s.Head)
			a.used[s.KeyID] = true
			if id, _, ok := keyed(s.PruneSignature); ok {
				a.used[id] = true
			}
			if err := out.Encode(archiveSeal(s)); err != nil {
				return fmt.Errorf("audit: write the archive: %w", err)
			}
		}
		return nil
	})
}

// rows writes the rows that were asked for.
func (a *archiver) rows(ctx context.Context, first, last int64, out *json.Encoder) error {
	return a.eachSeal(ctx, first, last, func(seals []seal) error {
		for i := range seals {
			s := &seals[i]
			if s.pruned() {
				a.manifest.LeftOut += s.Entries
				continue
			}
			lines, err := a.lines(ctx, s.Number, s.Number, s.Entries+1)
			if err != nil {
				return err
			}
			if err := a.rowsOf(s, lines, out); err != nil {
				return err
			}
		}
		return nil
	})
}

// rowsOf writes the rows of a seal, with audit paths when it leaves some of them out.
func (a *archiver) rowsOf(s *seal, lines []line, out *json.Encoder) error {
	leaves := make([]digest, len(lines))
	var chosen []int
	for i := range lines {
		l := &lines[i]
		leaves[i] = leafOf(&l.entry.Entry, l.client, l.detail)
		if a.options.wants(&l.entry.Entry) {
			chosen = append(chosen, i)
		}
	}
	if int64(len(lines)) != s.Entries || rootOf(leaves) != s.Root {
		return fmt.Errorf("audit: seal %d does not hold its rows any more: authy2 audit verify tells why", s.Number)
	}
	a.manifest.Rows += int64(len(chosen))
	a.manifest.LeftOut += s.Entries - int64(len(chosen))
	for _, i := range chosen {
		l := &lines[i]
		row := archivedRow{
			Seal: s.Number, Position: int64(i), Row: toArchive(&l.entry.Entry),
			ClientCommitment: hex.EncodeToString(l.client), DetailCommitment: hex.EncodeToString(l.detail),
		}
		if len(chosen) < len(lines) {
			for _, d := range inclusionProof(leaves, i) {
				row.Proof = append(row.Proof, hexOf(d))
			}
		}
		if err := out.Encode(row); err != nil {
			return fmt.Errorf("audit: write the archive: %w", err)
		}
	}
	return nil
}

// sign writes the manifest and its signature, and ends the archive.
func (a *archiver) sign(ctx context.Context) error {
	heads, err := a.headsOf(ctx, []int64{1})
	if err != nil {
		return err
	}
	a.manifest.Origin = hexOf(heads[1])
	var newest *signingKey
	for _, id := range sortedIDs(a.keys) {
		key := a.keys[id]
		if newest == nil || key.CreatedAt.After(newest.CreatedAt) {
			newest = key
		}
		if a.used[id] {
			a.manifest.Keys = append(a.manifest.Keys, manifestKey{ID: id, PublicKey: hex.EncodeToString(key.Public)})
		}
	}
	if newest == nil {
		return errNothingSealed
	}
	if !a.used[newest.ID] {
		a.manifest.Keys = append(a.manifest.Keys, manifestKey{ID: newest.ID, PublicKey: hex.EncodeToString(newest.Public)})
	}
	a.manifest.SignedWith = newest.ID
	text, signature, err := signManifest(&a.manifest, newest)
	if err != nil {
		return err
	}
	for _, m := range []struct {
		name    string
		content []byte
	}{{memberManifest, text}, {memberSignature, signature}} {
		w, err := a.zip.Create(m.name)
		if err == nil {
			_, err = w.Write(m.content)
		}
		if err != nil {
			return fmt.Errorf("audit: write the archive: %w", err)
		}
	}
	if err := a.zip.Close(); err != nil {
		return fmt.Errorf("audit: write the archive: %w", err)
	}
	return nil
}

// writeWhole writes a file beside its place and moves it there when it is whole.
func writeWhole(path string, fill func(io.Writer) error) (err error) {
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path + ".part")
		}
	}()
	if err := errors.Join(fill(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}
