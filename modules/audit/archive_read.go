package audit

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"time"
)

const (
	// longestManifest bounds the manifest, which is read into memory; longestLine a line of
	// the other members.
	longestManifest = 1 << 20
	longestLine     = 256 << 10
)

// ArchiveSummary is what an archive proves.
type ArchiveSummary struct {
	// KeyID and PublicKey are what the manifest was signed with. They prove something when
	// the reader knows them from elsewhere.
	KeyID     string `json:"key_id"`
	PublicKey string `json:"public_key"`
	// Origin names the trail: it is the head of its first seal.
	Origin    string    `json:"origin"`
	CreatedAt time.Time `json:"created_at"`
	FirstSeal int64     `json:"first_seal"`
	LastSeal  int64     `json:"last_seal"`
	LastHead  string    `json:"last_head"`
	Rows      int64     `json:"rows"`
	LeftOut   int64     `json:"left_out"`
}

// ErrArchive means that an archive is not what somebody with the key has written.
var ErrArchive = errors.New("the archive does not verify")

func broken(format string, args ...any) error {
	return fmt.Errorf("audit: %w: %s", ErrArchive, fmt.Sprintf(format, args...))
}

// VerifyArchive verifies an archive without a database. trusted is the public key that must
// have signed it; with nil any key will do, and the caller compares the summary's.
func VerifyArchive(r io.ReaderAt, size int64, trusted ed25519.PublicKey) (ArchiveSummary, error) {
	a, err := openArchive(r, size)
	if err != nil {
		return ArchiveSummary{}, err
	}
	summary, err := a.judgeManifest(trusted)
	if err != nil {
		return summary, err
	}
	seals, err := a.open(memberSeals)
	if err != nil {
		return summary, err
	}
	rows, err := a.open(memberRows)
	if err != nil {
		return summary, err
	}
	if err := a.judge(seals, rows); err != nil {
		return summary, err
	}
	return summary, errors.Join(seals.close(), rows.close())
}

// archive is an archive that is being read.
type archive struct {
	files    map[string]*zip.File
	manifest manifest
	keys     map[string]ed25519.PublicKey
}

// openArchive wants a ZIP file with just the members that an archive has.
func openArchive(r io.ReaderAt, size int64) (*archive, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, broken("it is no ZIP file: %v", err)
	}
	a := &archive{files: map[string]*zip.File{}, keys: map[string]ed25519.PublicKey{}}
	for _, f := range z.File {
		if a.files[f.Name] != nil {
			return nil, broken("it has two members called %q", f.Name)
		}
		a.files[f.Name] = f
	}
	want := []string{memberManifest, memberSignature, memberRows, memberSeals}
	if have := slices.Sorted(maps.Keys(a.files)); !slices.Equal(have, want) {
		return nil, broken("its members are %q, not %q", have, want)
	}
	return a, nil
}

// whole reads a small member.
func (a *archive) whole(name string) ([]byte, error) {
	f, err := a.files[name].Open()
	if err != nil {
		return nil, broken("%s: %v", name, err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, longestManifest+1))
	if err != nil || len(b) > longestManifest {
		return nil, broken("%s cannot be read", name)
	}
	return b, nil
}

// judgeManifest wants the manifest to be signed by a key in it, which is the trusted one.
func (a *archive) judgeManifest(trusted ed25519.PublicKey) (ArchiveSummary, error) {
	text, err := a.whole(memberManifest)
	if err != nil {
		return ArchiveSummary{}, err
	}
	signature, err := a.whole(memberSignature)
	if err != nil {
		return ArchiveSummary{}, err
	}
	m := &a.manifest
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(m); err != nil {
		return ArchiveSummary{}, broken("%s: %v", memberManifest, err)
	}
	if m.Version != archiveVersion {
		return ArchiveSummary{}, broken("its version is %d; this binary reads %d", m.Version, archiveVersion)
	}
	for _, k := range m.Keys {
		public, err := hex.DecodeString(k.PublicKey)
		if err != nil || len(public) != ed25519.PublicKeySize || keyIDOf(public) != k.ID {
			return ArchiveSummary{}, broken("key %q is not the one of that id", k.ID)
		}
		a.keys[k.ID] = public
	}
	public, ok := a.keys[m.SignedWith]
	if !ok || !manifestSigned(public, text, signature) {
		return ArchiveSummary{}, broken("the manifest is not signed by key %q", m.SignedWith)
	}
	summary := ArchiveSummary{
		KeyID: m.SignedWith, PublicKey: hex.EncodeToString(public), Origin: m.Origin, CreatedAt: m.CreatedAt,
		FirstSeal: m.FirstSeal, LastSeal: m.LastSeal, LastHead: m.LastHead, Rows: m.Rows, LeftOut: m.LeftOut,
	}
	if trusted != nil && !trusted.Equal(public) {
		return summary, broken("it is signed with the public key %x, not with the one that is trusted", []byte(public))
	}
	return summary, nil
}

// lineReader reads a member line by line and hashes it on the way.
type lineReader struct {
	name string
	want member
	file io.ReadCloser
	sum  hash.Hash
	n    int64
	scan *bufio.Scanner
}

func (a *archive) open(name string) (*lineReader, error) {
	f, err := a.files[name].Open()
	if err != nil {
		return nil, broken("%s: %v", name, err)
	}
	r := &lineReader{name: name, want: a.manifest.Members[name], file: f, sum: sha256.New()}
	r.scan = bufio.NewScanner(r)
	r.scan.Buffer(make([]byte, 0, 64<<10), longestLine)
	return r, nil
}

// Read reads on, not beyond what the manifest tells.
func (r *lineReader) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	r.sum.Write(p[:n])
	if r.n += int64(n); r.n > r.want.Bytes {
		return 0, broken("%s is longer than the manifest tells", r.name)
	}
	return n, err
}

// next reads the next line into v, and reports whether there was one.
func (r *lineReader) next(v any) (bool, error) {
	if !r.scan.Scan() {
		if err := r.scan.Err(); err != nil {
			return false, broken("%s: %v", r.name, err)
		}
		return false, nil
	}
	in := json.NewDecoder(bytes.NewReader(r.scan.Bytes()))
	in.DisallowUnknownFields()
	if err := in.Decode(v); err != nil {
		return false, broken("%s: %v", r.name, err)
	}
	return true, nil
}

// close wants the member to be the one of the manifest.
func (r *lineReader) close() error {
	if err := r.file.Close(); err != nil {
		return broken("%s: %v", r.name, err)
	}
	if r.n != r.want.Bytes || hex.EncodeToString(r.sum.Sum(nil)) != r.want.SHA256 {
		return broken("%s is not the one of the manifest", r.name)
	}
	return nil
}
