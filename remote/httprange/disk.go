package httprange

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/internal/argument"
	"github.com/tensorfile/tensorfile/tensor"
)

// A disk keeps blocks in files of a directory, which several processes share: a block
// has a file, whose name says of which version of which object it is, and which comes
// to be by a rename. What is not whole, or not what was written, is no block. The files
// used last stay; which those are their times tell.
//
// It is a cache: what cannot be read or written is asked for, and nobody hears of it.
type disk struct {
	dir   string
	limit int64

	mu sync.Mutex // held by who looks through the directory
}

const (
	// CacheVariable names the directory that what is opened by its address alone is
	// cached in: DIR or DIR:SIZE.
	CacheVariable = "TENSORFILE_CACHE"

	defaultDisk = 10 << 30
	diskMagic   = "TNSBLK1\n"
	diskHead    = len(diskMagic) + 8 // CRC-32C of the bytes, how many they are
	diskSuffix  = ".block"
	diskTemp    = ".part"
	diskCount   = "written"   // a byte for each block since the directory was looked through
	touchAfter  = time.Minute // a file that is used again soon needs no new time
	staleAfter  = time.Hour   // a file that a killed process left
)

// disks are those of this process: the size of a directory is counted once.
var disks sync.Map // dir -> *disk

// diskAt is the cache in a directory, nil for none.
func diskAt(dir string, limit int64) *disk {
	if dir == "" {
		return nil
	}
	if limit <= 0 {
		limit = defaultDisk
	}
	d, _ := disks.LoadOrStore(dir+"\x00"+strconv.FormatInt(limit, 10), &disk{dir: dir, limit: limit})
	return d.(*disk)
}

// CacheDir reads a directory and a size from a text such as "DIR" or "DIR:20GiB". The
// size is 0 if the text has none.
func CacheDir(text string) (dir string, bytes int64, err error) {
	i := strings.LastIndexByte(text, ':')
	if i > 1 && !strings.ContainsAny(text[i:], `/\`) { // C:\cache has none
		n, err := argument.Size(text[i+1:])
		if err != nil {
			return "", 0, &tensor.Error{Kind: tensor.ErrUnsupported, Offset: -1, Field: CacheVariable, Got: tensor.Quote(text), Want: "DIR or DIR:SIZE, such as /var/cache/tensors:20GiB"}
		}
		return text[:i], n, nil
	}
	return text, 0, nil
}

// name begins the names of the blocks of a version of an object.
func (s *Source) diskName() string {
	h := sha256.New()
	for _, part := range []string{s.origin.url.Host, s.path, s.id.etag, strconv.FormatInt(s.id.size, 10), strconv.Itoa(s.o.BlockSize)} {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (d *disk) path(name string, index int64) string {
	return filepath.Join(d.dir, name[:2], name+"-"+strconv.FormatInt(index, 16)+diskSuffix)
}

// get reads a block of size bytes, nil if there is none.
func (d *disk) get(name string, index, size int64) []byte {
	path := d.path(name, index)
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() || fi.Size() != size+int64(diskHead) {
		return nil
	}
	b := make([]byte, fi.Size())
	if n, err := f.ReadAt(b, 0); err != nil || n != len(b) || string(b[:len(diskMagic)]) != diskMagic {
		return nil
	}
	data := b[diskHead:]
	if binary.LittleEndian.Uint32(b[len(diskMagic):]) != format.Checksum(data) || int64(binary.LittleEndian.Uint32(b[len(diskMagic)+4:])) != size {
		return nil
	}
	if now := time.Now(); now.Sub(fi.ModTime()) > touchAfter {
		os.Chtimes(path, now, now)
	}
	return data
}

// put writes a block. One that is there, of another process, is the same.
func (d *disk) put(name string, index int64, data []byte) {
	path := d.path(name, index)
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(path), "*"+diskTemp)
	if err != nil {
		return
	}
	head := append(make([]byte, 0, diskHead), diskMagic...)
	head = binary.LittleEndian.AppendUint32(head, format.Checksum(data))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(data)))
	_, err = f.Write(head)
	if err == nil {
		_, err = f.Write(data)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return
	}
	if d.due(int64(len(data) + diskHead)) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.sweep()
	}
}

// due notes that a block of n bytes was written, and reports whether so many were that
// the directory must be looked through. All processes count in one file: most of them
// write little, and end.
func (d *disk) due(n int64) bool {
	f, err := os.OpenFile(filepath.Join(d.dir, diskCount), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return true
	}
	defer f.Close()
	_, err = f.Write([]byte{'.'})
	fi, serr := f.Stat()
	if err != nil || serr != nil {
		return true
	}
	if fi.Size()*n <= d.limit/16 {
		return false
	}
	f.Truncate(0)
	return true
}

// sweep removes what was used last of all until nine tenths of the limit are left, and
// what killed processes left.
func (d *disk) sweep() {
	type file struct {
		path string
		size int64
		used time.Time
	}
	var list []file
	total := int64(0)
	filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		block, part := strings.HasSuffix(path, diskSuffix), strings.HasSuffix(path, diskTemp)
		fi, err := e.Info()
		switch {
		case err != nil || !fi.Mode().IsRegular():
		case block:
			list = append(list, file{path, fi.Size(), fi.ModTime()})
			total += fi.Size()
		case part && time.Since(fi.ModTime()) > staleAfter:
			os.Remove(path)
		}
		return nil
	})
	if total <= d.limit-d.limit/16 {
		return
	}
	slices.SortFunc(list, func(a, b file) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path)) })
	for _, f := range list {
		if total <= d.limit/10*9-d.limit/16 {
			break
		}
		if os.Remove(f.path) == nil {
			total -= f.size
		}
	}
}
