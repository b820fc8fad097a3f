//go:build nogpu || !((linux && !android && (amd64 || arm64)) || (windows && amd64))

package cuda

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile/gpu/internal/driver"
)

func TestLoadSaysWhy(t *testing.T) {
	_, err := Load()
	if !errors.Is(err, driver.ErrNoDriver) || !strings.Contains(err.Error(), "tag nogpu") && !strings.Contains(err.Error(), runtime.GOOS+"/"+runtime.GOARCH) {
		t.Error(err)
	}
}
