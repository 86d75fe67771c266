// Package spreadsheet writes tables for people who open them in a spreadsheet: CSV in
// which no cell is taken for a formula.
//
// What may be touched: what starts a formula is found out by others all the time; another
// character in the list costs one apostrophe more in a file.
package spreadsheet
