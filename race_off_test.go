//go:build !race

package tensorfile_test

const raceBuild = false
