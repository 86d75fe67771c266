// Package skeleton makes the skeleton of a new module: its Go module, its line of
// migrations, and its places in the workspace and in the lint rules. What it makes
// compiles, keeps items of the signed-in user, and passes the contract that every module
// is held to.
//
// What may be touched: the files in files/ are what a new module starts from, so they
// follow the house's habits and change with them.
package skeleton
