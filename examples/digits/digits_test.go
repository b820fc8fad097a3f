package digits

import (
	"bytes"
	"testing"
)

// Equal seeds give equal digits, and no two of a set are alike.
func TestSet(t *testing.T) {
	for _, side := range []int{12, 28, 40} {
		images, labels := Set(1, 60, side)
		again, same := Set(1, 60, side)
		if !bytes.Equal(images, again) || !bytes.Equal(labels, same) || len(images) != 60*side*side {
			t.Errorf("%d: another set for the same seed", side)
		}
		seen, classes := map[string]bool{}, map[byte]bool{}
		for i, label := range labels {
			image := images[i*side*side : (i+1)*side*side]
			seen[string(image)], classes[label] = true, true
			ink := 0
			for _, v := range image {
				if v > 60 {
					ink++
				}
			}
			if ink < side*side/40 || ink > side*side/2 {
				t.Errorf("%d: a %d with %d pixels of ink", side, label, ink)
			}
		}
		if len(seen) != 60 || len(classes) != Classes {
			t.Errorf("%d: %d images of %d digits", side, len(seen), len(classes))
		}
	}
}
