//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris)

package mmap

import "os"

func (m *Map) adviseRegion(*region, int64, int64, Advice) error { return nil }

func adviseFile(*os.File, int64, int64, Advice) {}
