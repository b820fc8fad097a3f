// Package bench measures tensorfile beside its peers.
//
// A Case is a benchmark with a name of key=value parts. They run as ordinary Go
// benchmarks, on small data unless TENSORFILE_BENCH=full, and as the report of
// cmd/report, which takes short samples of all of them in turn while the
// machine is quiet and compares what was measured side by side.
//
// Variables of the environment:
//
//	TENSORFILE_BENCH=full      the sizes of the report instead of small ones
//	TENSORFILE_BENCH_DIR=dir   where the data goes (default: a temporary folder)
//	TENSORFILE_PYTHON=python   an interpreter with NumPy for the peers in Python;
//	                           without it they are skipped
//	TENSORFILE_TOOL=path       the tool as a program, else its cases are skipped
package bench
