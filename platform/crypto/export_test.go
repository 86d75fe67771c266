package crypto

import "time"

// ParseStored shows the reader of stored hashes to the fuzz test.
func ParseStored(hash string, maxCost int) (cost int, ok bool) {
	s, ok := parseStored(hash, maxCost)
	return s.Cost, ok
}

// Engine shows what does several passwords at once to tests that replace it.
type Engine = engine

// Use has the pool make that engine. It is called before Start.
func (p *Passwords) Use(e Engine) { p.newEngine = func() engine { return e } }

// Lanes reports whether the engine passed its test.
func (p *Passwords) Lanes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.engine != nil
}

// Drop takes the engine away, as if it had failed its test, and sets how long a round of
// golang.org/x/crypto/bcrypt takes.
func (p *Passwords) Drop(round time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.engine, p.pace[0] = nil, round
}

// Depth returns how many jobs wait.
func (p *Passwords) Depth() int { return int(p.depth()) }
