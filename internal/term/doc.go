// Package term knows what a terminal can show: how large it is, how many columns
// a text takes, and how pictures are told to it: as half blocks, as sixels, by the
// graphics protocol of kitty, or as dots of Braille patterns.
package term
