// Package blame says in errors which format they are about.
package blame

import (
	"errors"

	"github.com/tensorfile/tensorfile/tensor"
)

// Format names the format in an error that names neither one nor a file.
func Format(err error, name string) error {
	var e *tensor.Error
	if errors.As(err, &e) && e.Format == "" && e.Path == "" {
		e.Format = name
	}
	return err
}
