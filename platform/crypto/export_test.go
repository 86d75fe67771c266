package crypto

// ParseStored shows the reader of stored hashes to the fuzz test.
func ParseStored(hash string, maxCost int) (cost int, ok bool) {
	s, ok := parseStored(hash, maxCost)
	return s.cost, ok
}
