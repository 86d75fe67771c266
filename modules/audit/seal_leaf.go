package audit

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// leafOf is the leaf of a row in the tree of its seal: the row as it is written and the
// commitments to the personal data beside it, nil where there is none.
func leafOf(e *Entry, client, detail []byte) digest {
	return leafHash(appendSized(appendSized(e.canonical(), client), detail))
}

// appendSized appends part behind its length, so that no two lists of parts look alike.
func appendSized(b, part []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
	return append(b, part...)
}

// commitment binds a row to a part of its personal data without telling it: a hash keyed
// with a key of the subject. Once the key is gone nobody can find the data by guessing.
func commitment(key []byte, entryID, part string, content []byte) ([]byte, error) {
	derived, err := hkdf.Key(sha256.New, key, nil, "authy2/1/audit commitment", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("audit: derive a key: %w", err)
	}
	h := hmac.New(sha256.New, derived)
	h.Write(appendSized(appendSized(appendSized(nil, []byte(entryID)), []byte(part)), content))
	return h.Sum(nil), nil
}
