// Package main is libtensorfile, the engine behind the C interface of
// tensorfile.h: make capi builds it as a shared and as a static library. It is
// linked into nothing written in Go.
//
// abi.c has the functions of the header. They check pointers, refuse calls in the
// child of a fork, where no Go can run, and call the functions of the same name
// here. What C holds of Go are handles, numbers in a table; what Go holds of C
// are pointers for as long as a call lasts, and blocks from malloc that C frees or
// that belong to a handle.
package main

// A library has no program; the build mode asks for the function.
func main() {}
