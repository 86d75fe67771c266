package factor

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"image/png"
	"io"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

const (
	// period is how many seconds a code is shown (RFC 6238 §4.1), secretBytes the length of
	// a secret (RFC 4226 §4, R6) and skew by how many steps a client's clock may differ.
	period      = 30
	secretBytes = 20
	skew        = 1
	// qrSize is the width of the QR code in pixels.
	qrSize = 256
)

// stepOf is the time step of an instant.
func stepOf(at time.Time) int64 { return at.Unix() / period }

// newSecret makes the secret of an authenticator app and the address that brings it there.
func newSecret(issuer, email string, rand io.Reader) (*otp.Key, error) {
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: issuer, AccountName: email, Period: period, SecretSize: secretBytes, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1, Rand: rand,
	})
	if err != nil {
		return nil, fmt.Errorf("factor: make a secret: %w", err)
	}
	// Apps and clients that split the label themselves want the account encoded whole.
	if key, err = otp.NewKeyFromURL(strings.Replace(key.URL(), "@", "%40", 1)); err != nil {
		return nil, fmt.Errorf("factor: write the address of a secret: %w", err)
	}
	return key, nil
}

// picture is the QR code of the address, as a data URI.
func picture(key *otp.Key) (string, error) {
	code, err := key.Image(qrSize, qrSize)
	if err != nil {
		return "", fmt.Errorf("factor: draw a QR code: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, code); err != nil {
		return "", fmt.Errorf("factor: draw a QR code: %w", err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

// matching returns the time step around now, later than last, whose code it is; 0 for none.
// It takes the same time whatever the code.
func matching(secret, code string, now time.Time, last int64) (int64, error) {
	var match int64
	for step := stepOf(now) - skew; step <= stepOf(now)+skew; step++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, fmt.Errorf("factor: compute a code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && step > last {
			match = step
		}
	}
	return match, nil
}
