package crypto

import (
	"time"

	"github.com/authy2/backend/platform/crypto/lanes"
)

// pace is how long one round of bcrypt takes a worker, of which a hash needs 2^cost: at
// index 0 by golang.org/x/crypto/bcrypt, at 1 to 4 by that many lanes side by side. All are
// moving averages.
type pace [lanes.Width + 1]time.Duration

// typicalRound is a round on slow hardware; it serves until the first measurement.
const typicalRound = 150 * time.Microsecond

// learn takes the time a round took at that width. The average moves by an eighth of the
// difference, or by a quarter when it became slower, for a wait that was promised too short
// cannot be taken back; never to more than double. What made one width slower, such as
// other programs on the processors, mostly makes all of them slower: the averages of other
// widths follow half the way, as far as a difference of a half.
func (p *pace) learn(width int, round time.Duration) {
	if round <= 0 {
		return
	}
	change := min(float64(round)/float64(p[width])-1, 4)
	others := max(-0.5, min(change, 0.5)) / 2
	share := 8.0
	if change > 0 {
		share = 4
	}
	for i := range p {
		if i == width {
			p[i] = scale(p[i], 1+change/share)
		} else {
			p[i] = scale(p[i], 1+others/share)
		}
	}
}

// scale multiplies a duration; the result is never zero.
func scale(d time.Duration, by float64) time.Duration {
	return max(time.Duration(float64(d)*by), 1)
}

// calibrate returns the best of two times of a round, or work's error. A round that takes no
// time by the clock is a typical one.
func calibrate(now func() time.Time, work func(cost int) error) (time.Duration, error) {
	const cost = 5
	best := typicalRound
	for range 2 {
		begun := now()
		if err := work(cost); err != nil {
			return 0, err
		}
		if took := now().Sub(begun) >> cost; took > 0 {
			best = min(best, took)
		}
	}
	return best, nil
}
