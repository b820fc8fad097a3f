//go:build !linux

package main

func anonymous(int) int64 { return 0 }
