package factor_test

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/platform/platformtest"
)

// counted is a source of ids and bytes that is known beforehand.
type counted struct {
	mu sync.Mutex
	n  int
}

func (c *counted) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

func (c *counted) Read(p []byte) (int, error) {
	clear(p)
	binary.BigEndian.PutUint64(p[max(len(p)-8, 0):max(len(p)-8, 0)+8], uint64(c.next()))
	return len(p), nil
}

func (c *counted) New() string { return fmt.Sprintf("01900000-0000-7000-8000-%012d", c.next()) }

// The answers of the operations, whole but for the picture.
func TestAnswers(t *testing.T) {
	t.Parallel()
	picture := regexp.MustCompile(`data:image/png;base64,[A-Za-z0-9+/=]+`)
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		b.Clock.Set(time.Date(2031, time.January, 1, 0, 0, 0, 123456000, time.UTC))
		h := newHouse(t, b, func(s *setup) { s.days, s.ids, s.rand = 30, &counted{}, &counted{} })
		token := h.register(t, ann)
		var all strings.Builder
		show := func(name, method, path, bearer, body string) reply {
			r := h.do(t, method, path, bearer, body)
			fmt.Fprintf(&all, "## %s\n%d\n", name, r.status)
			for _, header := range []string{"Location", "Set-Cookie", "Www-Authenticate"} {
				for _, v := range r.header.Values(header) {
					fmt.Fprintf(&all, "%s: %s\n", header, v)
				}
			}
			fmt.Fprintf(&all, "%s\n", strings.TrimSpace(picture.ReplaceAllString(r.body, "data:image/png;base64,…")))
			return r
		}
		show("status", "GET", statusPath, token, "")
		e := enrolled{secret: show("enroll", "POST", enrollPath, token, "").text(t, "secret")}
		show("verify nothing", "POST", verifyPath, "", `{"code":"1"}`)
		show("verify badly", "POST", confirmPath, token, `{"code":"12345","client_timestamp":"now"}`)
		show("verify wrong", "POST", confirmPath, token, `{"code":"`+h.code(e, 5)+`"}`)
		show("verify enrollment", "POST", confirmPath, token, `{"code":"`+h.code(e, -1)+`","client_timestamp":1}`)
		show("enroll again", "POST", enrollPath, token, "")
		show("status of an app", "GET", statusPath, token, "")
		show("sign in badly", "POST", verifyPath, "", `{"is_backup_code":"yes","x":1}`)
		waiting := h.challenge(t, ann)
		show("sign in wrong", "POST", verifyPath, "", `{"mfa_token":"`+waiting+`","code":"000000"}`)
		show("sign in", "POST", verifyPath, "", `{"mfa_token":"`+waiting+`","code":"`+h.code(e, 0)+`","remember_device":true}`)
		show("devices", "GET", devicesPath, token, "")
		show("forget all", "DELETE", devicesPath, token, "")
		show("regenerate wrong", "POST", codesPath, token, `{"password":"wrong"}`)
		show("regenerate", "POST", codesPath, token, mine)
		show("disable wrong", "DELETE", disablePath, token, `{"password":"wrong"}`)
		show("disable", "DELETE", disablePath, token, mine)
		show("disable again", "DELETE", disablePath, token, mine)
		platformtest.Golden(t, "testdata/answers.golden", []byte(all.String()))
	})
}
