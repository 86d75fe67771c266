package audit

import (
	"crypto/sha256"
	"math/bits"
)

// digest is a hash of SHA-256 (FIPS 180-4).
type digest [sha256.Size]byte

// The prefixes that keep leaves and nodes of a tree apart (RFC 6962 §2.1).
const (
	leafPrefix = 0
	nodePrefix = 1
)

// leafHash is the hash of a leaf with the given content.
func leafHash(content []byte) digest {
	h := sha256.New()
	h.Write([]byte{leafPrefix})
	h.Write(content)
	return digest(h.Sum(nil))
}

// nodeHash is the hash of an inner node.
func nodeHash(left, right digest) digest {
	var b [1 + 2*sha256.Size]byte
	b[0] = nodePrefix
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// merkle grows the tree of RFC 6962 §2.1 leaf by leaf in the space of a logarithm: it holds
// the roots of the perfect trees that the leaves so far consist of, largest first.
type merkle struct {
	roots  []digest
	leaves uint64
}

// add puts a leaf at the end.
func (m *merkle) add(leaf digest) {
	m.roots = append(m.roots, leaf)
	m.leaves++
	for range bits.TrailingZeros64(m.leaves) {
		last := len(m.roots) - 1
		m.roots[last-1] = nodeHash(m.roots[last-1], m.roots[last])
		m.roots = m.roots[:last]
	}
}

// root is the root of the tree; that of no leaves is the hash of nothing.
func (m *merkle) root() digest {
	if len(m.roots) == 0 {
		return sha256.Sum256(nil)
	}
	root := m.roots[len(m.roots)-1]
	for i := len(m.roots) - 2; i >= 0; i-- {
		root = nodeHash(m.roots[i], root)
	}
	return root
}

// rootOf is the root of the tree of these leaves.
func rootOf(leaves []digest) digest {
	var m merkle
	for _, leaf := range leaves {
		m.add(leaf)
	}
	return m.root()
}

// inclusionProof returns the audit path of the leaf at index (RFC 6962 §2.1.1): with it and
// the leaf anybody computes the root without seeing another leaf.
func inclusionProof(leaves []digest, index int) []digest {
	if len(leaves) <= 1 {
		return nil
	}
	split := 1 << (bits.Len(uint(len(leaves)-1)) - 1)
	if index < split {
		return append(inclusionProof(leaves[:split], index), rootOf(leaves[split:]))
	}
	return append(inclusionProof(leaves[split:], index-split), rootOf(leaves[:split]))
}

// rootFromProof computes the root of a tree of size leaves from one of them, its index and
// its audit path (RFC 9162 §2.1.3.2). ok is false for a path of another length than such a
// leaf has.
func rootFromProof(leaf digest, index, size uint64, proof []digest) (root digest, ok bool) {
	if index >= size {
		return digest{}, false
	}
	root = leaf
	node, last := index, size-1
	for _, sibling := range proof {
		if last == 0 {
			return digest{}, false
		}
		if node&1 == 1 || node == last {
			root = nodeHash(sibling, root)
			for node&1 == 0 && node != 0 {
				node, last = node>>1, last>>1
			}
		} else {
			root = nodeHash(root, sibling)
		}
		node, last = node>>1, last>>1
	}
	return root, last == 0
}
