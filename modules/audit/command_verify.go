package audit

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/authy2/backend/platform/kernel"
)

// archiveFlag is the flag with which verify needs no system.
const archiveFlag = "archive"

// verifyFlags are the flags of authy2 audit verify.
type verifyFlags struct{ since, heads, archive, publicKey string }

func verifyCommand(l *Sealing) *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use: "verify", Short: "Recompute the trail, and tell the first thing that is wrong with it", Args: cobra.NoArgs,
		Long: "Recomputes every seal, row and piece of personal data, and the chain of the seals. It says what it\n" +
			"has seen and exits with 0, or says the first row or seal that was altered, removed, inserted or\n" +
			"moved and exits with 1. With --archive it verifies a file that authy2 audit export --signed has\n" +
			"written, and needs neither configuration nor database.",
		Example: "  authy2 audit verify --head-file /mnt/elsewhere/heads\n  authy2 audit verify --since 24h --json\n" +
			"  authy2 audit verify --archive trail.zip --public-key 9c1d…",
		Annotations: map[string]string{kernel.WithoutSystem: archiveFlag},
	}
	c.Flags().StringVar(&f.since, "since", "", "recompute the rows of seals from this `time` on (RFC 3339), or from as long ago as this duration; the chain is verified whole")
	c.Flags().StringVar(&f.heads, "head-file", "", "compare with the heads in this `file` (AUDIT_HEAD_FILE)")
	c.Flags().StringVar(&f.archive, archiveFlag, "", "verify this `file` and nothing else")
	c.Flags().StringVar(&f.publicKey, "public-key", "", "the public key, in `hexadecimal`, that must have signed the archive")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if f.archive != "" {
			return verifyArchiveFile(c, f)
		}
		if f.publicKey != "" {
			return errors.New("--public-key is for --archive")
		}
		return verifyTrail(c, l, f)
	}
	return c
}

// verified is what verify prints with --json.
type verified struct {
	OK      bool     `json:"ok"`
	Problem *Problem `json:"problem"`
	Summary
}

func verifyTrail(c *cobra.Command, l *Sealing, f verifyFlags) (err error) {
	var o VerifyOptions
	if o.Since, err = momentFlag(f.since, l.now()); err != nil {
		return err
	}
	if f.heads != "" {
		file, err := os.Open(f.heads)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		defer func() { _ = file.Close() }()
		o.Heads = file
	}
	s, err := l.Verify(c.Context(), o)
	problem, found := asProblem(err)
	if err != nil && !found {
		return err
	}
	if asJSON(c) {
		if err := printJSON(c.OutOrStdout(), verified{OK: !found, Problem: problem, Summary: s}); err != nil {
			return err
		}
	}
	if found {
		return fmt.Errorf("the audit trail was tampered with: %w", problem)
	}
	if asJSON(c) {
		return nil
	}
	return printSummary(c.OutOrStdout(), s)
}

func printSummary(w io.Writer, s Summary) error {
	_, err := fmt.Fprintf(w, "the audit trail is whole: %d seals (%d pruned), %d rows verified, %d rows not sealed yet\n",
		s.Seals, s.PrunedSeals, s.Rows, s.UnsealedRows)
	if err == nil && s.LastSeal > 0 {
		_, err = fmt.Fprintf(w, "last head: %d %s\n", s.LastSeal, s.LastHead)
	}
	return err
}

func verifyArchiveFile(c *cobra.Command, f verifyFlags) error {
	var trusted ed25519.PublicKey
	if f.publicKey != "" {
		b, err := hex.DecodeString(f.publicKey)
		if err != nil || len(b) != ed25519.PublicKeySize {
			return errors.New("--public-key is 64 hexadecimal digits: authy2 audit keys shows them")
		}
		trusted = b
	}
	file, err := os.Open(f.archive)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	s, err := VerifyArchive(file, info.Size(), trusted)
	if err != nil {
		return err
	}
	if asJSON(c) {
		return printJSON(c.OutOrStdout(), struct {
			OK bool `json:"ok"`
			ArchiveSummary
		}{true, s})
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "the archive is whole: seals %d to %d, %d rows, %d rows left out\nlast head: %d %s\n"+
		"signed with key %s, public key %s\n", s.FirstSeal, s.LastSeal, s.Rows, s.LeftOut, s.LastSeal, s.LastHead, s.KeyID, s.PublicKey)
	if err == nil && trusted == nil {
		_, err = fmt.Fprintln(c.ErrOrStderr(), "compare the public key with one that you know from elsewhere, or give it with --public-key")
	}
	return err
}
