package lanes

import (
	"encoding/binary"
	"math"
	"math/big"
)

// words is how many 32-bit words a Blowfish state has: 18 subkeys and four substitution
// boxes of 256.
const words = box3 + 256

// piWords returns the state every Blowfish key schedule starts from: the first 1042·32 bits
// of the fraction of pi (Schneier, "Description of a New Variable-Length Key, 64-Bit Block
// Cipher", 1993). They are computed, because a table of a thousand numbers is a thing
// nobody can review.
func piWords() lane {
	// The two divisions and the last terms round; the guard bits absorb it.
	const bits, guard = words * 32, 64
	one := new(big.Int).Lsh(big.NewInt(1), bits+guard)
	// Machin: pi = 16·arctan(1/5) − 4·arctan(1/239).
	pi := new(big.Int).Lsh(arctanInverse(one, 5), 4)
	pi.Sub(pi, new(big.Int).Lsh(arctanInverse(one, 239), 2))
	pi.Sub(pi, new(big.Int).Mul(one, big.NewInt(3)))
	digits := pi.Rsh(pi, guard).FillBytes(make([]byte, bits/8))
	var w lane
	for i := range w {
		w[i] = binary.BigEndian.Uint32(digits[4*i:])
	}
	return w
}

// arctanInverse returns one·arctan(1/x), with enough terms of 1/x − 1/3x³ + 1/5x⁵ − … for
// all bits of one.
func arctanInverse(one *big.Int, x int64) *big.Int {
	terms := 2 + int64(float64(one.BitLen())/(2*math.Log2(float64(x))))
	n, d, y := arctanTerms(0, terms, big.NewInt(-x*x))
	n.Mul(n, one)
	d.Mul(d, y).Mul(d, big.NewInt(x))
	return n.Quo(n, d)
}

// arctanTerms returns n, d and p = y^(to-from) such that n/(d·p) is the sum of
// y^-i / (2(from+i)+1) for i from 0 to to-from-1. Halving the sum keeps most factors small.
func arctanTerms(from, to int64, y *big.Int) (n, d, p *big.Int) {
	if to-from == 1 {
		return new(big.Int).Set(y), big.NewInt(2*from + 1), new(big.Int).Set(y)
	}
	middle := (from + to) / 2
	n1, d1, p1 := arctanTerms(from, middle, y)
	n2, d2, p2 := arctanTerms(middle, to, y)
	// n1/(d1·p1) + n2/(d2·p2·p1)
	n1.Mul(n1, d2).Mul(n1, p2)
	n2.Mul(n2, d1)
	return n1.Add(n1, n2), d1.Mul(d1, d2), p1.Mul(p1, p2)
}
