// Package breached knows the passwords that are in everybody's dictionary, because they
// were in somebody's breach.
//
// A filter is a file of hashes: a header, then the first eight bytes of the SHA-256 of
// every password, sorted. Looking one up is a binary search on the file, so that a list of
// any size costs no memory and no start-up time. A password that is not on the list is
// taken for one that is once in 2^64 divided by the length of the list.
//
// The embedded list is the password list of zxcvbn, 47,023 passwords, most common first
// (licence beside it in LICENSE.zxcvbn.txt). To make it again:
//
//	go mod download -json github.com/trustelem/zxcvbn@v1.0.1   # prints Dir
//	go run ./breached/generate <Dir>/data/passwords.txt breached/common.filter
//
// What may be touched: the format carries a version; filters that operators built stay
// readable.
package breached
