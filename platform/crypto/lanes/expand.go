package lanes

// state is up to Width independent ciphers, four and a quarter KiB each.
type state [Width]lane

// expand runs the key schedule of the first n lanes once more with a schedule for each. This
// is where bcrypt spends its time: 521 encryptions a lane, each waiting for the one before.
// A round of one lane waits for its look-ups; the rounds of other lanes fill that time.
func (q *state) expand(n int, with *[Width]schedule) {
	for k := range n {
		q[k].mix(&with[k])
	}
	switch n {
	case 1:
		expand1(&q[0])
	case 2:
		expand2(&q[0], &q[1])
	case 3:
		expand3(&q[0], &q[1], &q[2])
	default:
		expand4(q)
	}
}

// expand1 replaces all words of a lane by the blocks of its own encryption.
func expand1(a *lane) {
	var l, r uint32
	for i := 0; i < words; i += 2 {
		l, r = a.encrypt(l, r)
		a[i], a[i+1] = l, r
	}
}

// expand2 is expand1 of two lanes, interleaved. It, expand3 and encrypt wait for memory more
// than they work, so that their rounds need not be unrolled.
func expand2(a, b *lane) {
	var l0, r0, l1, r1 uint32
	for i := 0; i < words; i += 2 {
		l0 ^= a[0]
		l1 ^= b[0]
		for j := uint(1); j < 17; j += 2 {
			r0 = (r0 ^ a[j]) ^ a.f(l0)
			r1 = (r1 ^ b[j]) ^ b.f(l1)
			l0 = (l0 ^ a[j+1]) ^ a.f(r0)
			l1 = (l1 ^ b[j+1]) ^ b.f(r1)
		}
		l0, r0 = r0^a[17], l0
		l1, r1 = r1^b[17], l1
		a[i], a[i+1] = l0, r0
		b[i], b[i+1] = l1, r1
	}
}

// expand3 is expand1 of three lanes, interleaved.
func expand3(a, b, c *lane) {
	var l0, r0, l1, r1, l2, r2 uint32
	for i := 0; i < words; i += 2 {
		l0 ^= a[0]
		l1 ^= b[0]
		l2 ^= c[0]
		for j := uint(1); j < 17; j += 2 {
			r0 = (r0 ^ a[j]) ^ a.f(l0)
			r1 = (r1 ^ b[j]) ^ b.f(l1)
			r2 = (r2 ^ c[j]) ^ c.f(l2)
			l0 = (l0 ^ a[j+1]) ^ a.f(r0)
			l1 = (l1 ^ b[j+1]) ^ b.f(r1)
			l2 = (l2 ^ c[j+1]) ^ c.f(r2)
		}
		l0, r0 = r0^a[17], l0
		l1, r1 = r1^b[17], l1
		l2, r2 = r2^c[17], l2
		a[i], a[i+1] = l0, r0
		b[i], b[i+1] = l1, r1
		c[i], c[i+1] = l2, r2
	}
}
