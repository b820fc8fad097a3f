//go:build !race

package viewer

const raceBuild = false
