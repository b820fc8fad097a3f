package tensorfile

import (
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile/format"
)

// A run that cannot be read is not merged away: what it names would be lost.
func TestMergeOfWhatCannotBeRead(t *testing.T) {
	broken := &Error{Kind: ErrCorrupt, Offset: 7}
	record := format.TensorRecord{Name: "a"}
	whole := func(tensor func(format.TensorRecord) error, _ func(format.StorageRecord) error) error {
		return tensor(record)
	}
	half := func(tensor func(format.TensorRecord) error, _ func(format.StorageRecord) error) error {
		return errors.Join(tensor(format.TensorRecord{Name: "b"}), broken)
	}
	changes := []format.TensorRecord{{Name: "c"}}
	list, _, merged, err := mergeRuns(changes, nil, []olderRun{{records: 1, each: whole}, {records: 1, each: half}})
	if !errors.Is(err, broken) || list != nil || merged != 0 {
		t.Errorf("%d records of %d runs, %v", len(list), merged, err)
	}
	list, _, merged, err = mergeRuns(changes, nil, []olderRun{{records: 1, each: whole}, {records: 1 << 20, each: half}})
	if err != nil || len(list) != 2 || merged != 1 {
		t.Errorf("%d records of %d runs, %v", len(list), merged, err)
	}
}
