// Package examples holds small programs to copy, and tests that run them.
package examples
