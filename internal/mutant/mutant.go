// Package mutant plants known mistakes in the commit protocol, so that the
// tests that are to find them can be tested. Only a build with the tag mutants
// has them; in any other On is a constant and leaves no trace.
package mutant
