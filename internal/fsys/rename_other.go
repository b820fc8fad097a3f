//go:build !linux

package fsys

func renameNew(oldname, newname string) error { return linkNew(oldname, newname) }
