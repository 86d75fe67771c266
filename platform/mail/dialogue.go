package mail

import (
	"context"
	"errors"
	"net"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// partingWait is how long the server may take to say goodbye to a mail that it has.
const partingWait = time.Second

// dialogue is one connection to a mail server. It ends when its context does.
type dialogue struct {
	ctx     context.Context //nolint:containedctx // the dialogue lives within one call of Deliver
	conn    net.Conn
	client  *smtp.Client
	command time.Duration
	release func() bool
}

func newDialogue(ctx context.Context, conn net.Conn, command time.Duration) *dialogue {
	return &dialogue{ctx: ctx, conn: conn, command: command, release: context.AfterFunc(ctx, func() { _ = conn.Close() })}
}

func (d *dialogue) close() {
	d.release()
	_ = d.conn.Close()
}

// step runs one command and its answer.
func (d *dialogue) step(name string, do func() error) error { return d.within(d.command, name, do) }

// within runs fn for at most the time, or until the dialogue ends where that is zero.
func (d *dialogue) within(longest time.Duration, name string, do func() error) error {
	ctx, cancel := d.ctx, context.CancelFunc(func() {})
	if longest > 0 {
		ctx, cancel = context.WithTimeout(ctx, longest)
	}
	defer cancel()
	if deadline, ok := ctx.Deadline(); ok {
		if err := d.conn.SetDeadline(deadline); err != nil {
			return failed(d.ctx, name, err)
		}
	}
	if err := do(); err != nil {
		return failed(d.ctx, name, err)
	}
	return nil
}

// send hands one message over.
func (d *dialogue) send(from, to path, content []byte) error {
	unicode, _ := d.client.Extension("SMTPUTF8")
	if !unicode && (from.unicode || to.unicode) {
		return &Failure{Permanent: true, Reason: "the mail server takes no addresses outside of ASCII"}
	}
	// A server that does not know RFC 6531 may still pass headers on as they are.
	d.client.SkipSMTPUTF8(!from.unicode && !to.unicode && ascii(header(content)))
	if err := refused(d.step("MAIL", func() error { return d.client.Mail(from.text) })); err != nil {
		return err
	}
	if err := refused(d.step("RCPT", func() error { return d.client.Rcpt(to.text) })); err != nil {
		return err
	}
	return refused(d.data(content))
}

// data sends the content. It waits for the last answer as long as there is time.
func (d *dialogue) data(content []byte) error {
	var out interface {
		Write(p []byte) (int, error)
		Close() error
	}
	if err := d.step("DATA", func() (err error) { out, err = d.client.Data(); return err }); err != nil {
		return err
	}
	for part := range slices.Chunk(content, 32<<10) {
		if err := d.step("message", func() error { _, err := out.Write(part); return err }); err != nil {
			return err
		}
	}
	return d.within(0, "message", out.Close)
}

// quit parts politely, and does not wait for long.
func (d *dialogue) quit() { _ = d.within(partingWait, "QUIT", d.client.Quit) }

// failed makes a [Failure] of what went wrong at a step. Whether it is permanent is for
// the caller to say.
func failed(ctx context.Context, step string, err error) *Failure {
	if ctx.Err() != nil {
		err = ctx.Err() // which has closed the connection
	}
	f := &Failure{Err: err}
	var answer *textproto.Error
	if errors.As(err, &answer) {
		f.Reason = step + ": the mail server answered " + codes(answer)
	} else {
		f.Reason = step + ": " + faultOf(err)
	}
	return f
}

// refused marks an answer of 5yz to a mail as permanent, unless it is about signing in
// (RFC 4954 §6), which an operator can mend.
func refused(err error) error {
	var f *Failure
	var answer *textproto.Error
	if errors.As(err, &f) && errors.As(f.Err, &answer) {
		f.Permanent = answer.Code >= 500 && answer.Code <= 599 && !slices.Contains([]int{530, 534, 535, 538}, answer.Code)
	}
	return err
}

var enhanced = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`) // RFC 2034 §4

// codes returns the answer's codes, which name nobody.
func codes(answer *textproto.Error) string {
	code := strconv.Itoa(answer.Code)
	if more := enhanced.FindString(answer.Msg); more != "" {
		code += " " + more
	}
	return code
}

func offers(list, name string) bool {
	return slices.Contains(strings.Fields(strings.ToUpper(list)), name)
}
