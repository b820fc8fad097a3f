//go:build race

package npy_test

const raceDetector = true
