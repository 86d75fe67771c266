// Package web serves the hosted pages: what a mailed link opens in a browser where no
// front end is installed.
//
// A module says what a page shows as a [View] and contributes [Page]s; this package lays
// them out and minds everything else, the same for all of them. Pages need no scripts and
// no images. One stylesheet and one icon are served under the hash of their content. A GET
// changes nothing, because programs that look for harm open the links of mails as well; a
// POST is taken from a page of this installation only, counts against the limits of the
// operation that it stands for, and brings at most 64 KiB. Tokens are in the query of the
// link that was mailed and in the form from then on; the access log names the route.
//
// What may be touched: texts belong to the modules, the layout and its colours to this
// package. Whatever a [View] holds is text, whoever wrote it, and never becomes markup. A
// change of the layout keeps to WCAG 2.2 AA in both colour schemes and to 30 KiB in all.
package web
