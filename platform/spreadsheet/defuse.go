package spreadsheet

import (
	"strings"
	"unicode"
)

// formula starts what a spreadsheet would compute instead of show, in the full-width
// forms that some take for the same.
const formula = "=+-@\t\r\n＝＋－＠"

// Defuse returns the cell in a form that no spreadsheet takes for a formula: an apostrophe
// before it makes it text. What cannot be seen before a formula keeps some spreadsheets
// from nothing. A cell that is harmless is returned as it is.
func Defuse(cell string) string {
	for _, r := range cell {
		if strings.ContainsRune(formula, r) {
			return "'" + cell
		}
		if unicode.IsGraphic(r) && !unicode.IsSpace(r) {
			break
		}
	}
	return cell
}
