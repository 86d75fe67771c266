package lanes

// expand4 is expand1 of four lanes, interleaved. The eight halves stay in registers and all
// addresses are one pointer plus a constant. The rounds are written out, one line a lane,
// because calls that are inlined and a loop cost a tenth: the compiler orders instructions by
// line, and the loop's counter takes the register that the eighth half needs.
func expand4(q *state) {
	a, b, c, d := &q[0], &q[1], &q[2], &q[3]
	var l0, r0, l1, r1, l2, r2, l3, r3 uint32
	for i := 0; i < words; i += 2 {
		l0 ^= a[0]
		l1 ^= b[0]
		l2 ^= c[0]
		l3 ^= d[0]

		r0 = (r0 ^ a[1]) ^ (((a[box0+uint(l0>>24)] + a[box1+uint(byte(l0>>16))]) ^ a[box2+uint(byte(l0>>8))]) + a[box3+uint(byte(l0))])
		r1 = (r1 ^ b[1]) ^ (((b[box0+uint(l1>>24)] + b[box1+uint(byte(l1>>16))]) ^ b[box2+uint(byte(l1>>8))]) + b[box3+uint(byte(l1))])
		r2 = (r2 ^ c[1]) ^ (((c[box0+uint(l2>>24)] + c[box1+uint(byte(l2>>16))]) ^ c[box2+uint(byte(l2>>8))]) + c[box3+uint(byte(l2))])
		r3 = (r3 ^ d[1]) ^ (((d[box0+uint(l3>>24)] + d[box1+uint(byte(l3>>16))]) ^ d[box2+uint(byte(l3>>8))]) + d[box3+uint(byte(l3))])

		l0 = (l0 ^ a[2]) ^ (((a[box0+uint(r0>>24)] + a[box1+uint(byte(r0>>16))]) ^ a[box2+uint(byte(r0>>8))]) + a[box3+uint(byte(r0))])
		l1 = (l1 ^ b[2]) ^ (((b[box0+uint(r1>>24)] + b[box1+uint(byte(r1>>16))]) ^ b[box2+uint(byte(r1>>8))]) + b[box3+uint(byte(r1))])
		l2 = (l2 ^ c[2]) ^ (((c[box0+uint(r2>>24)] + c[box1+uint(byte(r2>>16))]) ^ c[box2+uint(byte(r2>>8))]) + c[box3+uint(byte(r2))])
		l3 = (l3 ^ d[2]) ^ (((d[box0+uint(r3>>24)] + d[box1+uint(byte(r3>>16))]) ^ d[box2+uint(byte(r3>>8))]) + d[box3+uint(byte(r3))])

		r0 = (r0 ^ a[3]) ^ (((a[box0+uint(l0>>24)] + a[box1+uint(byte(l0>>16))]) ^ a[box2+uint(byte(l0>>8))]) + a[box3+uint(byte(l0))])
		r1 = (r1 ^ b[3]) ^ (((b[box0+uint(l1>>24)] + b[box1+uint(byte(l1>>16))]) ^ b[box2+uint(byte(l1>>8))]) + b[box3+uint(byte(l1))])
		r2 = (r2 ^ c[3]) ^ (((c[box0+uint(l2>>24)] + c[box1+uint(byte(l2>>16))]) ^ c[box2+uint(byte(l2>>8))]) + c[box3+uint(byte(l2))])
		r3 = (r3 ^ d[3]) ^ (((d[box0+uint(l3>>24)] + d[box1+uint(byte(l3>>16))]) ^ d[box2+uint(byte(l3>>8))]) + d[box3+uint(byte(l3))])

		l0 = (l0 ^ a[4]) ^ (((a[box0+uint(r0>>24)] + a[box1+uint(byte(r0>>16))]) ^ a[box2+uint(byte(r0>>8))]) + a[box3+uint(byte(r0))])
		l1 = (l1 ^ b[4]) ^ (((b[box0+uint(r1>>24)] + b[box1+uint(byte(r1>>16))]) ^ b[box2+uint(byte(r1>>8))]) + b[box3+uint(byte(r1))])
		l2 = (l2 ^ c[4]) ^ (((c[box0+uint(r2>>24)] + c[box1+uint(byte(r2>>16))]) ^ c[box2+uint(byte(r2>>8))]) + c[box3+uint(byte(r2))])
		l3 = (l3 ^ d[4]) ^ (((d[box0+uint(r3>>24)] + d[box1+uint(byte(r3>>16))]) ^ d[box2+uint(byte(r3>>8))]) + d[box3+uint(byte(r3))])

		r0 = (r0 ^ a[5]) ^ (((a[box0+uint(l0>>24)] + a[box1+uint(byte(l0>>16))]) ^ a[box2+uint(byte(l0>>8))]) + a[box3+uint(byte(l0))])
		r1 = (r1 ^ b[5]) ^ (((b[box0+uint(l1>>24)] + b[box1+uint(byte(l1>>16))]) ^ b[box2+uint(byte(l1>>8))]) + b[box3+uint(byte(l1))])
		r2 = (r2 ^ c[5]) ^ (((c[box0+uint(l2>>24)] + c[box1+uint(byte(l2>>16))]) ^ c[box2+uint(byte(l2>>8))]) + c[box3+uint(byte(l2))])
		r3 = (r3 ^ d[5]) ^ (((d[box0+uint(l3>>24)] + d[box1+uint(byte(l3>>16))]) ^ d[box2+uint(byte(l3>>8))]) + d[box3+uint(byte(l3))])

		l0 = (l0 ^ a[6]) ^ (((a[box0+uint(r0>>24)] + a[box1+uint(byte(r0>>16))]) ^ a[box2+uint(byte(r0>>8))]) + a[box3+uint(byte(r0))])
		l1 = (l1 ^ b[6]) ^ (((b[box0+uint(r1>>24)] + b[box1+uint(byte(r1>>16))]) ^ b[box2+uint(byte(r1>>8))]) + b[box3+uint(byte(r1))])
		l2 = (l2 ^ c[6]) ^ (((c[box0+uint(r2>>24)] + c[box1+uint(byte(r2>>16))]) ^ c[box2+uint(byte(r2>>8))]) + c[box3+uint(byte(r2))])
		l3 = (l3 ^ d[6]) ^ (((d[box0+uint(r3>>24)] + d[box1+uint(byte(r3>>16))]) ^ d[box2+uint(byte(r3>>8))]) + d[box3+uint(byte(r3))])

		r0 = (r0 ^ a[7]) ^ (((a[box0+uint(l0>>24)] + a[box1+uint(byte(l0>>16))]) ^ a[box2+uint(byte(l0>>8))]) + a[box3+uint(byte(l0))])
		r1 = (r1 ^ b[7]) ^ (((b[box0+uint(l1>>24)] + b[box1+uint(byte(l1>>16))]) ^ b[box2+uint(byte(l1>>8))]) + b[box3+uint(byte(l1))])
		r2 = (r2 ^ c[7]) ^ (((c[box0+uint(l2>>24)] + c[box1+uint(byte(l2>>16))]) ^ c[box2+uint(byte(l2>>8))]) + c[box3+uint(byte(l2))])
		r3 = (r3 ^ d[7]) ^ (((d[box0+uint(l3>>24)] + d[box1+uint(byte(l3>>16))]) ^ d[box2+uint(byte(l3>>8))]) + d[box3+uint(byte(l3))])

		l0 = (l0 ^ a[8]) ^ (((a[box0+uint(r0>>24)] + a[box1+uint(byte(r0>>16))]) ^ a[box2+uint(byte(r0>>8))]) + a[box3+uint(byte(r0))])
		l1 = (l1 ^ b[8]) ^ (((b[box0+uint(r1>>24)] + b[box1+uint(byte(r1>>16))]) ^ b[box2+uint(byte(r1>>8))]) + b[box3+uint(byte(r1))])
		l2 = (l2 ^ c[8]) ^ (((c[box0+uint(r2>>24)] + c[box1+uint(byte(r2>>16))]) ^ c[box2+uint(byte(r2>>8))]) + c[box3+uint(byte(r2))])
		l3 = (l3 ^ d[8]) ^ (((d[box0+uint(r3>>24)] + d[box1+uint(byte(r3>>16))]) ^ d[box2+uint(byte(r3>>8))]) + d[box3+uint(byte(r3))])

		r0 = (r0 ^ a[9]) ^ (((a[box0+uint(l0>>24)] + a[box1+uint(byte(l0>>16))]) ^ a[box2+uint(byte(l0>>8))]) + a[box3+uint(byte(l0))])
		r1 = (r1 ^ b[9]) ^ (((b[box0+uint(l1>>24)] + b[box1+uint(byte(l1>>16))]) ^ b[box2+uint(byte(l1>>8))]) + b[box3+uint(byte(l1))])
		r2 = (r2 ^ c[9]) ^ (((c[box0+uint(l2>>24)] + c[box1+uint(byte(l2>>16))]) ^ c[box2+uint(byte(l2>>8))]) + c[box3+uint(byte(l2))])
		r3 = (r3 ^ d[9]) ^ (((d[box0+uint(l3>>24)] + d[box1+uint(byte(l3>>16))]) ^ d[box2+uint(byte(l3>>8))]) + d[box3+uint(byte(l3))])

		l0 = (l0 ^ a[10]) ^ (((a[box0+uint(r0>>24)] + a[box1+uint(byte(r0>>16))]) ^ a[box2+uint(byte(r0>>8))]) + a[box3+uint(byte(r0))])
		l1 = (l1 ^ b[10]) ^ (((b[box0+uint(r1>>24)] + b[box1+uint(byte(r1>>16))]) ^ b[box2+uint(byte(r1>>8))]) + b[box3+uint(byte(r1))])
		l2 = (l2 ^ c[10]) ^ (((c[box0+uint(r2>>24)] + c[box1+uint(byte(r2>>16))]) ^ c[box2+uint(byte(r2>>8))]) + c[box3+uint(byte(r2))])
		l3 = (l3 ^ d[10]) ^ (((d[box0+uint(r3>>24)] + d[box1+uint(byte(r3>>16))]) ^ d[box2+uint(byte(r3>>8))]) + d[box3+uint(byte(r3))])

		r0 = (r0 ^ a[11]) ^ (((a[box0+uint(l0>>24)] + a[box1+uint(byte(l0>>16))]) ^ a[box2+uint(byte(l0>>8))]) + a[box3+uint(byte(l0))])
		r1 = (r1 ^ b[11]) ^ (((b[box0+uint(l1>>24)] + b[box1+uint(byte(l1>>16))]) ^ b[box2+uint(byte(l1>>8))]) + b[box3+uint(byte(l1))])
		r2 = (r2 ^ c[11]) ^ (((c[box0+uint(l2>>24)] + c[box1+uint(byte(l2>>16))]) ^ c[box2+uint(byte(l2>>8))]) + c[box3+uint(byte(l2))])
		r3 = (r3 ^ d[11]) ^ (((d[box0+uint(l3>>24)] + d[box1+uint(byte(l3>>16))]) ^ d[box2+uint(byte(l3>>8))]) + d[box3+uint(byte(l3))])

		l0 = (l0 ^ a[12]) ^ (((a[box0+uint(r0>>24)] + a[box1+uint(byte(r0>>16))]) ^ a[box2+uint(byte(r0>>8))]) + a[box3+uint(byte(r0))])
		l1 = (l1 ^ b[12]) ^ (((b[box0+uint(r1>>24)] + b[box1+uint(byte(r1>>16))]) ^ b[box2+uint(byte(r1>>8))]) + b[box3+uint(byte(r1))])
		l2 = (l2 ^ c[12]) ^ (((c[box0+uint(r2>>24)] + c[box1+uint(byte(r2>>16))]) ^ c[box2+uint(byte(r2>>8))]) + c[box3+uint(byte(r2))])
		l3 = (l3 ^ d[12]) ^ (((d[box0+uint(r3>>24)] + d[box1+uint(byte(r3>>16))]) ^ d[box2+uint(byte(r3>>8))]) + d[box3+uint(byte(r3))])

		r0 = (r0 ^ a[13]) ^ (((a[box0+uint(l0>>24)] + a[box1+uint(byte(l0>>16))]) ^ a[box2+uint(byte(l0>>8))]) + a[box3+uint(byte(l0))])
		r1 = (r1 ^ b[13]) ^ (((b[box0+uint(l1>>24)] + b[box1+uint(byte(l1>>16))]) ^ b[box2+uint(byte(l1>>8))]) + b[box3+uint(byte(l1))])
		r2 = (r2 ^ c[13]) ^ (((c[box0+uint(l2>>24)] + c[box1+uint(byte(l2>>16))]) ^ c[box2+uint(byte(l2>>8))]) + c[box3+uint(byte(l2))])
		r3 = (r3 ^ d[13]) ^ (((d[box0+uint(l3>>24)] + d[box1+uint(byte(l3>>16))]) ^ d[box2+uint(byte(l3>>8))]) + d[box3+uint(byte(l3))])

		l0 = (l0 ^ a[14]) ^ (((a[box0+uint(r0>>24)] + a[box1+uint(byte(r0>>16))]) ^ a[box2+uint(byte(r0>>8))]) + a[box3+uint(byte(r0))])
		l1 = (l1 ^ b[14]) ^ (((b[box0+uint(r1>>24)] + b[box1+uint(byte(r1>>16))]) ^ b[box2+uint(byte(r1>>8))]) + b[box3+uint(byte(r1))])
		l2 = (l2 ^ c[14]) ^ (((c[box0+uint(r2>>24)] + c[box1+uint(byte(r2>>16))]) ^ c[box2+uint(byte(r2>>8))]) + c[box3+uint(byte(r2))])
		l3 = (l3 ^ d[14]) ^ (((d[box0+uint(r3>>24)] + d[box1+uint(byte(r3>>16))]) ^ d[box2+uint(byte(r3>>8))]) + d[box3+uint(byte(r3))])

		r0 = (r0 ^ a[15]) ^ (((a[box0+uint(l0>>24)] + a[box1+uint(byte(l0>>16))]) ^ a[box2+uint(byte(l0>>8))]) + a[box3+uint(byte(l0))])
		r1 = (r1 ^ b[15]) ^ (((b[box0+uint(l1>>24)] + b[box1+uint(byte(l1>>16))]) ^ b[box2+uint(byte(l1>>8))]) + b[box3+uint(byte(l1))])
		r2 = (r2 ^ c[15]) ^ (((c[box0+uint(l2>>24)] + c[box1+uint(byte(l2>>16))]) ^ c[box2+uint(byte(l2>>8))]) + c[box3+uint(byte(l2))])
		r3 = (r3 ^ d[15]) ^ (((d[box0+uint(l3>>24)] + d[box1+uint(byte(l3>>16))]) ^ d[box2+uint(byte(l3>>8))]) + d[box3+uint(byte(l3))])

		l0 = (l0 ^ a[16]) ^ (((a[box0+uint(r0>>24)] + a[box1+uint(byte(r0>>16))]) ^ a[box2+uint(byte(r0>>8))]) + a[box3+uint(byte(r0))])
		l1 = (l1 ^ b[16]) ^ (((b[box0+uint(r1>>24)] + b[box1+uint(byte(r1>>16))]) ^ b[box2+uint(byte(r1>>8))]) + b[box3+uint(byte(r1))])
		l2 = (l2 ^ c[16]) ^ (((c[box0+uint(r2>>24)] + c[box1+uint(byte(r2>>16))]) ^ c[box2+uint(byte(r2>>8))]) + c[box3+uint(byte(r2))])
		l3 = (l3 ^ d[16]) ^ (((d[box0+uint(r3>>24)] + d[box1+uint(byte(r3>>16))]) ^ d[box2+uint(byte(r3>>8))]) + d[box3+uint(byte(r3))])

		l0, r0 = r0^a[17], l0
		l1, r1 = r1^b[17], l1
		l2, r2 = r2^c[17], l2
		l3, r3 = r3^d[17], l3
		a[i], a[i+1] = l0, r0
		b[i], b[i+1] = l1, r1
		c[i], c[i+1] = l2, r2
		d[i], d[i+1] = l3, r3
	}
}
