package crypto_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/secret"
)

func pool(t testing.TB, cost, workers int) *crypto.Passwords {
	t.Helper()
	p := crypto.NewPasswords(cost, workers, clock.System{}, slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func hash(t testing.TB, p *crypto.Passwords, password string) string {
	t.Helper()
	h, err := p.Hash(t.Context(), secret.New(password))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The foreign hashes were made by libxcrypt's crypt(3).
func TestVerify(t *testing.T) {
	t.Parallel()
	p := pool(t, 4, 2)
	long := strings.Repeat("long pässword ", 7) + "ab"
	sum := sha256.Sum256([]byte(long))
	longHash := hash(t, p, long)
	exact := strings.Repeat("x", 72)
	const (
		b12 = "$2b$12$abcdefghijklmnopqrstuu5dIuXQZkmtJmTZs4TsPhbbqLaJEu5UC"
		y05 = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.WrAwgFxicHZ3kL7zMvXYXHKosDn8ot2"
		a04 = "$2a$04$CCCCCCCCCCCCCCCCCCCCC..o66Ba.o65rt06KXeSpKWfObOB7QJIe"
		cut = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.HoJqhO5Va/3zNmgkk3WEVDvGKIYilPC"
		nfd = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.oJr3RImKPIUwmSO2EdHswbLWDZHmgC2"
	)
	for name, tc := range map[string]struct {
		hash, password string
		ok, rehash     bool
	}{
		"own":                         {hash(t, p, "one password"), "one password", true, false},
		"wrong":                       {hash(t, p, "one password"), "one passworD", false, false},
		"empty":                       {hash(t, p, ""), "", true, false},
		"NFC hashed, NFD typed":       {hash(t, p, "p\u00e4ssword"), "pa\u0308ssword", true, false},
		"NFD hashed, NFC typed":       {hash(t, p, "pa\u0308ssword"), "p\u00e4ssword", true, false},
		"long":                        {longHash, long, true, false},
		"long, other end":             {longHash, long[:len(long)-1] + "B", false, false},
		"long, first 72 bytes":        {longHash, long[:72], false, false},
		"long, its pre-hash":          {longHash, base64.StdEncoding.EncodeToString(sum[:]), false, false},
		"72 bytes":                    {hash(t, p, exact), exact, true, false},
		"72 bytes and one more":       {hash(t, p, exact), exact + "x", false, false},
		"73 bytes, first 72":          {hash(t, p, exact+"x"), exact, false, false},
		"$2b$ cost 12":                {b12, "UserPass123!", true, true},
		"$2b$ cost 12, wrong":         {b12, "UserPass123", false, false},
		"$2y$":                        {y05, "correct horse", true, true},
		"$2a$":                        {a04, "correct horse", true, false},
		"foreign, cut when hashed":    {cut, strings.Repeat("A", 72) + "different tail", true, false},
		"foreign, not normalized":     {nfd, "pa\u0308ss word", true, true},
		"foreign, other spelling":     {nfd, "p\u00e4ss word", false, false},
		"no account":                  {"", "one password", false, false},
		"no account, empty":           {"", "", false, false},
		"not a hash":                  {"one password", "one password", false, false},
		"the hash as password":        {a04, a04, false, false},
		"marker without hash":         {"$authy2$sha256$", "", false, false},
		"cost over the bound":         {strings.Replace(a04, "$04$", "$17$", 1), "correct horse", false, false},
		"cost 99":                     {strings.Replace(a04, "$04$", "$99$", 1), "correct horse", false, false},
		"broken variant $2x$":         {strings.Replace(a04, "$2a$", "$2x$", 1), "correct horse", false, false},
		"hash with a tail":            {a04 + "x", "correct horse", false, false},
		"longer than any password":    {a04, strings.Repeat("\ufdfa", 3000), false, false},
		"huge password of no account": {"", strings.Repeat("\ufdfa", 300000), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok, rehash, err := p.Verify(t.Context(), tc.hash, secret.New(tc.password))
			if err != nil || ok != tc.ok || rehash != tc.rehash {
				t.Errorf("Verify = %v, %v, %v; want %v, %v", ok, rehash, err, tc.ok, tc.rehash)
			}
		})
	}
}

func TestRehashWhenTheCostRises(t *testing.T) {
	t.Parallel()
	cheap, dear := pool(t, 4, 1), pool(t, 5, 1)
	old := hash(t, cheap, "one password")
	if ok, rehash, err := dear.Verify(t.Context(), old, secret.New("one password")); !ok || !rehash || err != nil {
		t.Errorf("cheaper hash: %v, %v, %v; want true, true", ok, rehash, err)
	}
	if ok, rehash, err := cheap.Verify(t.Context(), hash(t, dear, "one password"), secret.New("one password")); !ok || rehash || err != nil {
		t.Errorf("costlier hash: %v, %v, %v; want true, false", ok, rehash, err)
	}
}

func TestHashForms(t *testing.T) {
	t.Parallel()
	p := pool(t, 4, 1)
	short, long := hash(t, p, "one password"), hash(t, p, strings.Repeat("x", 73))
	if err := bcrypt.CompareHashAndPassword([]byte(short), []byte("one password")); err != nil {
		t.Errorf("short passwords are not plain bcrypt: %v", err)
	}
	if !strings.HasPrefix(long, "$authy2$sha256$$2a$04$") {
		t.Errorf("long passwords are stored as %s", long)
	}
	if hash(t, p, "one password") == short {
		t.Error("two hashes share a salt")
	}
}

func FuzzStoredHash(f *testing.F) {
	f.Add("$2b$12$abcdefghijklmnopqrstuu5dIuXQZkmtJmTZs4TsPhbbqLaJEu5UC")
	f.Add("$authy2$sha256$$2a$04$CCCCCCCCCCCCCCCCCCCCC..o66Ba.o65rt06KXeSpKWfObOB7QJIe")
	f.Add("$2a$")
	p := pool(f, 4, 1)
	f.Fuzz(func(t *testing.T, hash string) {
		cost, ok := crypto.ParseStored(hash, 16)
		if !ok {
			cost = 4
		} else if cost < 4 || cost > 16 {
			t.Fatalf("a hash of cost %d would be worked on", cost)
		} else if _, err := bcrypt.Cost([]byte(strings.TrimPrefix(hash, "$authy2$sha256$"))); err != nil {
			t.Fatalf("bcrypt does not know a hash that was taken apart: %v", err)
		}
		if cost > 6 {
			return
		}
		if right, _, err := p.Verify(t.Context(), hash, secret.New("\x00 nobody has this")); right || err != nil {
			t.Fatalf("Verify = %v, %v", right, err)
		}
	})
}
