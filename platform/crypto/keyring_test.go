package crypto_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/secret"
)

const (
	rawA = "0123456789abcdefghijklmnopqrstuv"
	rawB = "ABCDEFGHIJKLMNOPQRSTUVWXYZ:,-+=!"
)

func ring(t testing.TB, text string) *crypto.Keyring {
	t.Helper()
	k, err := crypto.ParseKeyring(secret.New(text))
	if err != nil {
		t.Fatalf("ParseKeyring: %v", err)
	}
	return k
}

func TestParseKeyringForms(t *testing.T) {
	t.Parallel()
	want := ring(t, rawA).Derive("x")
	std := base64.StdEncoding.EncodeToString([]byte(rawA))
	for name, text := range map[string]string{
		"raw":              rawA,
		"hex":              hex.EncodeToString([]byte(rawA)),
		"upper hex":        strings.ToUpper(hex.EncodeToString([]byte(rawA))),
		"base64":           std,
		"base64 unpadded":  strings.TrimRight(std, "="),
		"base64url":        base64.URLEncoding.EncodeToString([]byte(rawA)),
		"named":            "2026-01:" + rawA,
		"named hex":        "k1:" + hex.EncodeToString([]byte(rawA)),
		"white space":      " " + rawA + "\n",
		"newest of two":    "new:" + rawA + ",old:" + std[:0] + hex.EncodeToString([]byte(rawB)),
		"bare in a list":   rawA + "," + hex.EncodeToString([]byte(rawB)),
		"space after list": "new:" + rawA + ", old:" + hex.EncodeToString([]byte(rawB)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ring(t, text).Derive("x"); got != want {
				t.Errorf("another key came out of %s", name)
			}
		})
	}
	if ring(t, rawB).Len() != 1 {
		t.Error("a raw key with a colon and a comma, alone, is one key")
	}
}

func TestParseKeyringRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":         "",
		"blank":         "  ",
		"short":         "secret",
		"31 characters": rawA[1:],
		"33 characters": rawA + "x",
		"short base64":  base64.StdEncoding.EncodeToString([]byte(rawA[1:])),
		"control":       rawA[:31] + "\x00",
		"not hex":       strings.Repeat("zz", 32),
		"bad name":      "a b:" + rawA,
		"empty name":    ":" + rawA,
		"empty entry":   "a:" + rawA + ",",
		"twice":         "a:" + rawA + ",b:" + rawA,
		"name twice":    "a:" + rawA + ",a:" + hex.EncodeToString([]byte(rawB)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := crypto.ParseKeyring(secret.New(text))
			if err == nil {
				t.Fatal("accepted")
			}
			if s := strings.TrimSpace(text); len(s) > 5 && strings.Contains(err.Error(), s[:6]) {
				t.Errorf("the error retells the key: %v", err)
			}
		})
	}
}

func TestDeriveSeparatesLabelsAndKeys(t *testing.T) {
	t.Parallel()
	two := ring(t, "new:"+rawA+",old:"+hex.EncodeToString([]byte(rawB)))
	all := two.DeriveAll("x")
	if len(all) != 2 || all[0] != two.Derive("x") || all[1] != ring(t, rawB).Derive("x") {
		t.Error("DeriveAll is not newest first")
	}
	if two.Derive("x") == two.Derive("y") {
		t.Error("two labels share a key")
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", two, two, two, two); strings.Contains(shown, rawA[:4]) {
		t.Errorf("the ring shows its keys: %s", shown)
	}
}

func FuzzParseKeyring(f *testing.F) {
	f.Add(rawA)
	f.Add("a:" + rawA + ",b:" + hex.EncodeToString([]byte(rawB)))
	f.Add(base64.StdEncoding.EncodeToString([]byte(rawA)))
	f.Add(":,:,")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := crypto.ParseKeyring(secret.New(text))
		if err != nil {
			return
		}
		sealed, err := crypto.NewSealer(k, "fuzz", rand.Reader).Seal([]byte("value"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := crypto.NewSealer(k, "fuzz", rand.Reader).Open(sealed, nil); err != nil || !bytes.Equal(got, []byte("value")) {
			t.Fatalf("a parsed ring cannot open what it sealed: %v", err)
		}
	})
}
