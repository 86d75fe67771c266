// Package lanes computes bcrypt for up to four passwords at once in one goroutine, and
// compares the results with stored hashes. What it computes is bcrypt to the bit; only the
// order of the work differs.
//
// It is the one exception to the rule that nothing here is cryptography of our own. Checking
// a password is by far the dearest thing a core does here, and bcrypt leaves that core idle
// for most of it: each look-up waits for the one before. Four hashes interleaved fill the
// gaps, so that a core checks three times as many passwords. No maintained library does it.
//
// What guards it:
//
//   - golang.org/x/crypto/bcrypt is the oracle. Tests and FuzzAgainstOracle compare every
//     number of lanes with it over costs, salts, lengths, NUL and bytes above 127.
//   - SelfTest checks published vectors in every lane when a process starts. Where it
//     fails, golang.org/x/crypto/bcrypt does the work.
//   - No table is copied: New computes the initial state, the digits of pi.
//   - Jobs of one batch may differ in cost, and all take the time of the dearest: the batches
//     of a process do not tell cheap hashes from dear ones, or from no hash at all.
//   - It makes no salts, keeps no passwords, and compares in constant time. Look-ups depend
//     on the password as they do in every bcrypt; the state is wiped after each batch.
//   - No unsafe, no assembly: the scheduler can interrupt a batch, and an index out of
//     bounds cannot be written.
//
// What may be touched: everything, as long as the oracle agrees. Width, and how far the
// rounds are unrolled, are measured (BenchmarkHash), so measure again after a change.
package lanes
