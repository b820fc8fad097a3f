// Package examples holds small programs to copy, and tests that run them. README.md
// lists them with what they print.
package examples
