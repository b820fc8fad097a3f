// Command tensorfile looks into, converts and checks files of tensors: its own
// format and those of others.
package main

import "os"

func main() { os.Exit(run(os.Args[1:])) }
