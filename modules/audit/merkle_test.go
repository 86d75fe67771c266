package audit_test

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/authy2/backend/modules/audit"
)

// TestMerkleKnownRoots compares with the tree that the tests of Certificate Transparency
// (RFC 6962) are built on.
func TestMerkleKnownRoots(t *testing.T) {
	t.Parallel()
	inputs := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var m audit.Merkle
	for n, want := range roots {
		root := m.Root()
		if got := hex.EncodeToString(root[:]); got != want {
			t.Errorf("the root of %d leaves is %s, want %s", n, got, want)
		}
		if n < len(inputs) {
			content, err := hex.DecodeString(inputs[n])
			if err != nil {
				t.Fatal(err)
			}
			m.Add(audit.LeafHash(content))
		}
	}
}

func TestInclusionProofs(t *testing.T) {
	t.Parallel()
	leaves := make([]audit.Digest, 0, 70)
	for size := 1; size <= 70; size++ {
		leaves = append(leaves, audit.LeafHash(fmt.Append(nil, size)))
		root := audit.RootOf(leaves)
		for i := range leaves {
			proof := audit.InclusionProof(leaves, i)
			at, n := uint64(i), uint64(size)
			if got, ok := audit.RootFromProof(leaves[i], at, n, proof); !ok || got != root {
				t.Fatalf("leaf %d of %d is not proved", i, size)
			}
			for name, wrong := range map[string]func() (audit.Digest, bool){
				"another leaf": func() (audit.Digest, bool) { return audit.RootFromProof(audit.LeafHash([]byte("x")), at, n, proof) },
				"a longer path": func() (audit.Digest, bool) {
					return audit.RootFromProof(leaves[i], at, n, append(proof[:len(proof):len(proof)], root))
				},
				"a place that is not there": func() (audit.Digest, bool) {
					return audit.RootFromProof(leaves[i], n, n, proof)
				},
				"another place": func() (audit.Digest, bool) { return audit.RootFromProof(leaves[i], at^1, n, proof) },
			} {
				if got, ok := wrong(); ok && got == root && size > 1 {
					t.Errorf("leaf %d of %d is proved with %s", i, size, name)
				}
			}
			if len(proof) > 0 {
				if got, ok := audit.RootFromProof(leaves[i], at, n, proof[1:]); ok && got == root {
					t.Errorf("leaf %d of %d is proved with a shorter path", i, size)
				}
			}
		}
	}
}
