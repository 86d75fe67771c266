package spreadsheet_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/authy2/backend/platform/spreadsheet"
)

func TestDefuse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{"plain", "plain"},
		{"a=b", "a=b"},
		{"'=1", "'=1"},
		{"   ", "   "},
		{`{"a":"=1"}`, `{"a":"=1"}`},
		{"é=", "é="},
		{"=1+1", "'=1+1"},
		{"+1", "'+1"},
		{"-1", "'-1"},
		{"@SUM(A1)", "'@SUM(A1)"},
		{"\tx", "'\tx"},
		{"\rx", "'\rx"},
		{"\n=1", "'\n=1"},
		{"=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"},
		{"  =1", "'  =1"},
		{" \t=1", "' \t=1"},
		{"\u00a0=1", "'\u00a0=1"},
		{"\ufeff=1", "'\ufeff=1"},
		{"\f+1", "'\f+1"},
		{"\u200b\u202f=1", "'\u200b\u202f=1"},
		{"＝1", "'＝1"},
		{"＠x", "'＠x"},
		{"=", "'="},
		{"\xff=", "\xff="},
	} {
		if got := spreadsheet.Defuse(tc.in); got != tc.want {
			t.Errorf("%q becomes %q, want %q", tc.in, got, tc.want)
		}
	}
}

func TestWriter(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, err := spreadsheet.NewWriter(&b, "id", "text")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range [][]string{{"1", `a "quoted", cell`}, {"2", "=1+1"}, {"3", "two\nlines"}} {
		if err := w.Write(row...); err != nil {
			t.Fatal(err)
		}
	}
	if b.Len() > 0 {
		t.Error("rows are written before the flush")
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "id,text\r\n1,\"a \"\"quoted\"\", cell\"\r\n2,'=1+1\r\n3,\"two\r\nlines\"\r\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriterTellsOfErrors(t *testing.T) {
	t.Parallel()
	w, err := spreadsheet.NewWriter(full{}, "id")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

func FuzzDefuse(f *testing.F) {
	for _, seed := range []string{"=1", " \t@x", "plain", "'", "\u00a0+", "\xff-", "＋"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := spreadsheet.Defuse(s)
		if got != s && got != "'"+s {
			t.Fatalf("%q becomes %q", s, got)
		}
		if spreadsheet.Defuse(got) != got {
			t.Fatalf("%q is defused twice", s)
		}
		if first := strings.TrimSpace(got); first != "" && got == s && strings.ContainsRune("=+-@", rune(first[0])) {
			t.Fatalf("%q stays a formula", s)
		}
		if !utf8.ValidString(s) || strings.ContainsRune(s, '\r') {
			return // CSV folds it
		}
		var b bytes.Buffer
		w, err := spreadsheet.NewWriter(&b, "a", "b")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(s, "x"), w.Flush()); err != nil {
			t.Fatal(err)
		}
		back, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(back) != 2 || back[1][0] != got {
			t.Fatalf("%q is read as %q, %v", got, back, err)
		}
	})
}
