package inspect

import (
	"fmt"

	"github.com/tensorfile/tensorfile"
)

// Foreign maps a file of another format: where the bytes of each storage are,
// and whose they are. What lies between belongs to the format itself.
func Foreign(f *tensorfile.File) *Map {
	l := f.Layout()
	m := &Map{Path: f.Path(), Format: l.Format, Size: f.Map().Size(), src: f.Map()}
	if l.Version != "" {
		m.Format += " " + l.Version
	}
	m.Damage = append(m.Damage, l.Skipped...)
	names := make([][]string, len(l.Storages))
	for i := range l.Tensors {
		if s := l.Tensors[i].Storage; s >= 0 {
			names[s] = append(names[s], l.Tensors[i].Name)
		}
	}
	own := l.Format + " headers and padding"
	for i := range l.Storages {
		s := &l.Storages[i]
		if s.Source != 0 {
			continue // in another file
		}
		if s.StoredSize == 0 || s.Open != nil && s.Offset == 0 {
			if s.StoredSize > 0 { // the layout does not say where it stands
				own = l.Format + " headers, padding and encoded payloads"
			}
			continue
		}
		p := Part{Offset: s.Offset, Length: s.StoredSize, Kind: Payload, What: "payload", Tensors: names[i]}
		if s.Open != nil {
			p.What = fmt.Sprintf("payload of %d bytes, %s", s.Size, s.Codec)
		}
		if len(names[i]) > 0 {
			p.What += ": " + quoted(names[i])
		}
		m.add(p)
	}
	m.sort()
	for _, g := range m.gaps(m.Size) {
		if g.begin < g.end {
			m.add(Part{Offset: g.begin, Length: g.end - g.begin, Kind: Own, What: own})
		}
	}
	m.sort()
	return m
}
