package gpu

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/gpu/internal/driver"
	"github.com/tensorfile/tensorfile/gpu/internal/host"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
	"go.uber.org/goleak"
)

// A place is a device, and a way, that the bodies of these tests run on.
type place struct {
	name string
	o    UploadOptions
	open func(t testing.TB) *Device
	done func(t testing.TB) // looks, when the device is closed
}

func plainHost(t testing.TB) *Device { return must(OpenHost(nil))(t) }

// openWith opens the host backend behind a device of a test.
func openWith(wrap func(driver.Device) driver.Device) func(t testing.TB) *Device {
	return func(t testing.TB) *Device {
		return must(openOn(wrapped{host.New(host.Options{}), wrap}, 0))(t)
	}
}

type wrapped struct {
	driver.Driver
	wrap func(driver.Device) driver.Device
}

func (w wrapped) Open(i int) (driver.Device, error) {
	d, err := w.Driver.Open(i)
	if err != nil {
		return nil, err
	}
	return w.wrap(d), nil
}

var errRefused = errors.New("refused")

// unpinned is a device that pins no memory that is there.
type unpinned struct{ driver.Device }

func (unpinned) HostRegister([]byte) error { return errRefused }

// pageable is a device that pins nothing.
type pageable struct{ unpinned }

func (pageable) HostAlloc(int64) ([]byte, error) { return nil, errRefused }

func places() []place {
	staged := UploadOptions{Staged: true, SlotBytes: 16 << 10, Slots: 5, Workers: 3}
	list := []place{
		{"in place", UploadOptions{SlotBytes: 16 << 10, Slots: 4, Workers: 2}, plainHost, nil},
		{"staged", staged, plainHost, nil},
		{"two slots", UploadOptions{Staged: true, SlotBytes: 16 << 10, Slots: 2, Workers: 3, DeviceSlots: 2}, plainHost, nil},
		{"allocated", staged, openWith(func(d driver.Device) driver.Device { return unpinned{d} }), nil},
		{"verified", UploadOptions{Verify: true, SlotBytes: 16 << 10, Slots: 4, Workers: 2}, plainHost, nil},
		{"not pinned", staged, openWith(func(d driver.Device) driver.Device { return pageable{unpinned{d}} }), nil},
	}
	list = append(list, fakes(staged)...)
	if _, err := Probe(); err == nil {
		list = append(list, place{"cuda", staged, func(t testing.TB) *Device { return must(Open(0, nil))(t) }, nil})
	}
	if os.Getenv("TENSORFILE_GPU") == "cuda" { // docs/gpu-verified.md
		onCUDA := func(t testing.TB) *Device { return must(Open(0, nil))(t) }
		if d, err := Open(0, nil); err == nil { // the driver keeps descriptors from its first start on
			d.Close()
		}
		list = append(list, place{"cuda", UploadOptions{SlotBytes: 16 << 10, Slots: 5, Workers: 3}, onCUDA, nil}, place{"cuda, verified", UploadOptions{Verify: true}, onCUDA, nil})
	}
	if raceEnabled && testing.Short() { // a third of them, of each kind some
		list = slices.DeleteFunc(list, func(p place) bool {
			return !slices.Contains([]string{"in place", "two slots", "not pinned", "lazy", "verified"}, p.name)
		})
	}
	return list
}

// fakes are places over the fake driver, where there is one.
var fakes = func(UploadOptions) []place { return nil }

// each runs body on every place, and looks for what was not freed.
func each(t *testing.T, body func(t *testing.T, d *Device, u *Uploader)) {
	t.Helper()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			files := descriptors(t)
			d := p.open(t)
			u := must(d.NewUploader(&p.o))(t)
			body(t, d, u)
			ok(t, u.Close())
			ok(t, d.Close())
			if p.done != nil {
				p.done(t)
			}
			now := descriptors(t)
			for tries := 0; len(now) != len(files) && p.name != "cuda"; tries++ { // the driver keeps some
				if tries == 100 {
					t.Errorf("descriptors %q, before %q", now, files)
					break
				}
				time.Sleep(10 * time.Millisecond) // what is open for a moment is no leak
				now = descriptors(t)
			}
		})
	}
}

// descriptors are the files that this process has open, where that can be told.
func descriptors(t testing.TB) []string {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	var open []string
	for _, fd := range list {
		to, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		open = append(open, fd.Name()+" "+to)
	}
	return open
}

// noise is bytes that repeat nowhere.
func noise(seed uint64, n int64) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), 7}).Read(b)
	return b
}

// sample is a view of noise, of bytes that are elements.
func sample(t testing.TB, seed uint64, d tensor.DType, s ...int64) tensor.View {
	t.Helper()
	n := must(tensor.ByteSize(d, s))(t)
	b := noise(seed, n)
	if d == tensor.Bool {
		for i := range b {
			b[i] &= 1
		}
	}
	v := must(tensor.NewView(b, d, s, nil, 0, tensor.LittleEndian))(t)
	// What stands behind the last element of a row of units is zero.
	w := must(tensor.Make(d, s))(t)
	ok(t, tensor.Copy(w, v))
	return w
}

// write makes a native file.
func write(t testing.TB, fn func(w *tensorfile.Writer)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.tensor")
	w := must(tensorfile.Create(path, &tensorfile.CreateOptions{NoSync: true}))(t)
	defer w.Close()
	fn(w)
	ok(t, w.Commit(ctx))
	return path
}

// same compares a tensor on the device with elements in memory, bit for bit.
func same(t testing.TB, what string, got *Tensor, want tensor.View) {
	t.Helper()
	if got.DType() != want.DType() || !got.Shape().Equal(want.Shape()) {
		t.Fatalf("%s: got %v %v, want %v %v", what, got.DType(), got.Shape(), want.DType(), want.Shape())
	}
	v := must(got.Read(ctx))(t)
	sameBytes(t, what, must(v.Bytes())(t), imageOf(t, want))
}

func sameBytes(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	t.Fatalf("%s: %d bytes, want %d: they differ from byte %d on", what, len(got), len(want), i)
}

// imageOf is the elements of a view in C order and the machine's byte order.
func imageOf(t testing.TB, v tensor.View) []byte {
	t.Helper()
	own := must(tensor.Make(v.DType(), v.Shape()))(t)
	ok(t, tensor.Copy(own, v))
	return must(own.Bytes())(t)
}

var dtypes = []tensor.DType{
	tensor.Bool, tensor.Bool1, tensor.I4, tensor.I8, tensor.I16, tensor.I32, tensor.I64, tensor.U4, tensor.U8, tensor.U16, tensor.U32, tensor.U64,
	tensor.F16, tensor.BF16, tensor.F32, tensor.F64, tensor.F8E4M3FN, tensor.F8E5M2, tensor.F8E4M3FNUZ, tensor.F8E5M2FNUZ, tensor.F8E8M0,
	tensor.F4E2M1, tensor.F6E2M3, tensor.F6E3M2, tensor.C64, tensor.C128, tensor.Opaque(3), tensor.UTF32(2), tensor.Text(5),
}

// Every dtype, stored every way, of a size around that of a slot, in memory at
// an odd place.
func TestUploadEdges(t *testing.T) {
	const slot = 16 << 10
	codecs := []string{"", "none", "raw", "zstd:1", "shuffle|lz4"}
	var views []tensor.View
	path := write(t, func(w *tensorfile.Writer) {
		for i, d := range dtypes {
			for j, n := range []int64{0, 1, slot - 1, slot, slot + 1, 3*slot + 7} {
				for k, c := range codecs {
					if testing.Short() && (i+j+k)%3 != 0 {
						continue
					}
					v := sample(t, uint64(len(views)), d, n/int64(d.UnitBytes)*int64(max(d.UnitElems, 1))+n%int64(d.UnitBytes))
					o := &tensorfile.TensorOptions{Codec: c}
					if c != "" && c != "none" {
						o.Chunk = tensor.Shape{5000 / int64(d.UnitBytes) * int64(max(d.UnitElems, 1))}
					}
					if err := w.Add(ctx, fmt.Sprintf("%05d", len(views)), v, o); err != nil {
						t.Fatalf("%v %s: %v", d, c, err)
					}
					views = append(views, v)
				}
			}
		}
	})
	each(t, func(t *testing.T, d *Device, u *Uploader) {
		f := must(tensorfile.Open(path, nil))(t)
		defer f.Close()
		var sources []Source
		for i := range views {
			sources = append(sources, FromTensor(must(f.Tensor(fmt.Sprintf("%05d", i)))(t)))
		}
		all := must(u.Upload(ctx, sources...))(t)
		for i, x := range all.Tensors {
			same(t, fmt.Sprintf("tensor %d of all", i), x, views[i])
			if x.NumElements() > 0 && x.Ptr()%alignBytes != 0 {
				t.Errorf("tensor %d lies at %#x", i, x.Ptr())
			}
		}
		checkStats(t, u, all.Stats)
		ok(t, all.Buffer.Free())
		for i, v := range views {
			if i%11 != 0 {
				continue
			}
			one := must(u.Upload(ctx, sources[i]))(t)
			same(t, fmt.Sprintf("tensor %d alone", i), one.Tensors[0], v)
			ok(t, one.Buffer.Free())
			// From memory, at an address that suits nothing.
			b := imageOf(t, v)
			odd := make([]byte, len(b)+1)
			copy(odd[1:], b)
			w := must(tensor.NewView(odd, v.DType(), v.Shape(), nil, 1, tensor.HostOrder))(t)
			one = must(u.Upload(ctx, FromView(w)))(t)
			same(t, fmt.Sprintf("view %d", i), one.Tensors[0], v)
			ok(t, one.Buffer.Free())
		}
		t.Logf("%d tensors, %d copies, %s", len(views), all.Stats.Copies, all.Stats.Path)
	})
	if len(views) < 250 {
		t.Errorf("%d tensors", len(views))
	}
}

// checkStats checks what always holds.
func checkStats(t testing.TB, u *Uploader, s Stats) {
	t.Helper()
	if s.Path == "" || s.Total <= 0 {
		t.Errorf("%+v", s)
	}
	if most := int64(u.o.Slots) * u.o.SlotBytes; s.Pinned > most || int64(s.Slots)*s.SlotBytes > most {
		t.Errorf("%d bytes are pinned, %d slots of %d: more than %d", s.Pinned, s.Slots, s.SlotBytes, most)
	}
}

// randomStored adds a tensor of random shape and storage, and returns its elements.
func randomStored(t testing.TB, w *tensorfile.Writer, rng *rand.Rand, name string) tensor.View {
	d := dtypes[rng.IntN(len(dtypes))]
	rank := 1 + rng.IntN(4)
	e := int64(max(d.UnitElems, 1))
	for {
		shape, chunk := make(tensor.Shape, rank), make(tensor.Shape, rank)
		for i := range shape {
			shape[i] = 1 + rng.Int64N([]int64{0, 60000, 300, 60, 22}[rank])
			chunk[i] = 1 + rng.Int64N(shape[i])
		}
		chunk[rank-1] = (chunk[rank-1] + e - 1) / e * e
		if n := must(tensor.ByteSize(d, shape))(t); n > 1<<20 {
			continue
		}
		if n := must(tensor.ByteSize(d, chunk))(t); n < 64 {
			continue
		}
		v := sample(t, rng.Uint64(), d, shape...)
		ok(t, w.Add(ctx, name, v, &tensorfile.TensorOptions{Chunk: chunk, Codec: []string{"raw", "lz4", "zstd:1"}[rng.IntN(3)]}))
		return v
	}
}

// Chunks of any shape, of which rows are larger than a slot or are not, and which
// are larger than a slot themselves.
func TestUploadGrids(t *testing.T) {
	count := 60
	if testing.Short() {
		count = 20
	}
	rng := rand.New(rand.NewPCG(3, 4))
	var views []tensor.View
	path := write(t, func(w *tensorfile.Writer) {
		for i := range count {
			views = append(views, randomStored(t, w, rng, fmt.Sprintf("%05d", i)))
		}
	})
	each(t, func(t *testing.T, d *Device, u *Uploader) {
		f := must(tensorfile.Open(path, nil))(t)
		defer f.Close()
		var sources []Source
		for i := range views {
			sources = append(sources, FromTensor(must(f.Tensor(fmt.Sprintf("%05d", i)))(t)))
		}
		rects := 0
		for i, s := range sources {
			before := f.ReadStats().Decoded
			up := must(u.Upload(ctx, s))(t)
			chunks := int64(1)
			for k, n := range s.t.Shape() {
				chunks *= (n + s.t.ChunkShape()[k] - 1) / s.t.ChunkShape()[k]
			}
			whole := must(tensor.ByteSize(s.t.DType(), s.t.ChunkShape()))(t) <= up.Stats.SlotBytes
			if n := f.ReadStats().Decoded - before; whole && !u.o.Verify && n > chunks {
				t.Errorf("%d: %v %v, chunks %v: %d decoded, there are %d", i, s.t.DType(), s.t.Shape(), s.t.ChunkShape(), n, chunks)
			}
			same(t, fmt.Sprintf("%d: %v %v, chunks %v", i, s.t.DType(), s.t.Shape(), s.t.ChunkShape()), up.Tensors[0], views[i])
			it := must(newItem(s, false))(t)
			if it.fit(up.Stats.SlotBytes); it.rect != nil {
				rects++
			}
			ok(t, up.Buffer.Free())
		}
		up := must(u.Upload(ctx, sources...))(t)
		for i, x := range up.Tensors {
			same(t, fmt.Sprint(i), x, views[i])
		}
		ok(t, up.Buffer.Free())
		blocks := collect(t, d, u, sources, views)
		t.Logf("%d tensors, %d by boxes, %d blocks: %s", count, rects, blocks, up.Stats.Path)
		if rects < count/8 || blocks < count {
			t.Errorf("%d tensors by boxes, %d blocks, of %d", rects, blocks, count)
		}
	})
}

// collect streams sources and puts the blocks together again.
func collect(t testing.TB, d *Device, u *Uploader, sources []Source, views []tensor.View) int {
	t.Helper()
	on := must(d.NewStream())(t)
	results := make([]tensor.View, len(views))
	for i, v := range views {
		results[i] = must(tensor.Make(v.DType(), v.Shape()))(t)
	}
	n := 0
	for b, err := range u.Stream(ctx, on, sources...) {
		ok(t, err)
		if b.Index != int64(n) {
			t.Fatalf("block %d comes as number %d", b.Index, n)
		}
		x := b.Tensor()
		var sel tensor.Selection
		for k, at := range b.Origin {
			sel = append(sel, tensor.SelectionItem{Kind: tensor.SelectRange, Start: at, Stop: at + x.Shape()[k], Step: 1})
		}
		own := must(tensor.Make(x.DType(), x.Shape()))(t)
		raw := must(own.Bytes())(t)
		// What is enqueued on the stream comes behind the copy, without a wait.
		ok(t, on.Read(ctx, raw[:len(raw):len(raw)], x.part(x.offset, x.image)))
		part := must(results[b.Source].Select(sel))(t)
		little := must(tensor.NewView(raw, x.DType(), x.Shape(), nil, 0, tensor.LittleEndian))(t)
		ok(t, tensor.Copy(part, little))
		if n%3 == 0 {
			b.Release()
			b.Release()
		}
		n++
	}
	for i, v := range views {
		sameBytes(t, fmt.Sprintf("source %d by blocks", i), imageOf(t, results[i]), imageOf(t, v))
	}
	if s := u.Stats(); s.Path == "" && n > 0 {
		t.Errorf("%+v", s)
	} else {
		checkStats(t, u, s)
	}
	ok(t, on.Free())
	return n
}

// foreign makes a file of another format of the bytes b.
func foreign(t testing.TB, b []byte, l *tensorfile.Layout, o *tensorfile.OpenOptions) *tensorfile.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "foreign")
	ok(t, os.WriteFile(path, b, 0o600))
	m := must(mmap.Open(path, nil))(t)
	return must(tensorfile.OpenLayout(m, l, o))(t)
}

// Elements that lie in any way: odd offsets, either byte order, gaps, backwards,
// repeated, permuted.
func TestUploadStrides(t *testing.T) {
	const n = 40 << 10
	data := noise(9, 4*n+64)
	type kase struct {
		name    string
		d       tensor.DType
		s       tensor.Shape
		st      tensor.Strides
		off     int64
		order   tensor.ByteOrder
		permute bool // without gaps
	}
	cases := []kase{
		{"c", tensor.F32, tensor.Shape{n}, nil, 0, tensor.LittleEndian, false},
		{"odd", tensor.F32, tensor.Shape{n}, nil, 13, tensor.LittleEndian, false},
		{"big", tensor.F32, tensor.Shape{n}, nil, 4, tensor.BigEndian, false},
		{"big bytes", tensor.U8, tensor.Shape{n}, nil, 4, tensor.BigEndian, false},
		{"fortran", tensor.F32, tensor.Shape{100, 400}, tensor.Strides{4, 400}, 8, tensor.LittleEndian, true},
		{"fortran big", tensor.F32, tensor.Shape{100, 400}, tensor.Strides{4, 400}, 8, tensor.BigEndian, false},
		{"permuted", tensor.I16, tensor.Shape{50, 1, 20, 30}, tensor.Strides{60, 7, 3000, 2}, 2, tensor.LittleEndian, true},
		{"backward", tensor.I16, tensor.Shape{n}, tensor.Strides{-2}, 2*n - 2, tensor.LittleEndian, false},
		{"gaps", tensor.U8, tensor.Shape{n / 4}, tensor.Strides{16}, 3, tensor.LittleEndian, false},
		{"window", tensor.F32, tensor.Shape{3, n - 2}, tensor.Strides{4, 4}, 0, tensor.LittleEndian, false},
		{"repeated", tensor.F32, tensor.Shape{3, 10000}, tensor.Strides{0, 4}, 0, tensor.LittleEndian, false},
		{"packed", tensor.I4, tensor.Shape{3*n - 1}, nil, 1, tensor.LittleEndian, false},
		{"packed rows", tensor.F6E2M3, tensor.Shape{2, 8198}, tensor.Strides{9000, 3}, 0, tensor.LittleEndian, false},
		{"scalar", tensor.F64, tensor.Shape{}, nil, 3, tensor.LittleEndian, false},
		{"empty", tensor.F64, tensor.Shape{3, 0}, nil, 3, tensor.LittleEndian, false},
	}
	l := &tensorfile.Layout{Format: "test", Storages: []tensorfile.LayoutStorage{{Offset: 5, Size: int64(len(data)) - 5}}}
	var views []tensor.View
	for _, c := range cases {
		l.Tensors = append(l.Tensors, tensorfile.LayoutTensor{Name: c.name, DType: c.d, Shape: c.s, Strides: c.st, Offset: c.off, Order: c.order})
		views = append(views, must(tensor.NewView(data[5:], c.d, c.s, c.st, c.off, c.order))(t))
	}
	f := foreign(t, data, l, nil)
	defer f.Close()
	checked := foreign(t, data, l, &tensorfile.OpenOptions{Verify: tensorfile.VerifyOnFirstUse, NoMmap: true})
	defer checked.Close()
	each(t, func(t *testing.T, d *Device, u *Uploader) {
		for _, asStored := range []bool{false, true} {
			u.o.AsStored = asStored
			for _, f := range []*tensorfile.File{f, checked} {
				var files, memory []Source
				for i, c := range cases {
					files, memory = append(files, FromTensor(must(f.Tensor(c.name))(t))), append(memory, FromView(views[i]))
				}
				for _, sources := range [][]Source{files, memory} {
					up := must(u.Upload(ctx, sources...))(t)
					for i, c := range cases {
						same(t, c.name, up.Tensors[i], views[i])
						lies := asStored && c.permute && (f != checked || sources[0].v != nil)
						if got := up.Tensors[i]; got.IsContiguous() == lies || lies && !slices.Equal(got.Strides(), c.st) {
							t.Errorf("%s: strides %v of %v", c.name, got.Strides(), c.st)
						}
					}
					ok(t, up.Buffer.Free())
				}
				if !asStored {
					collect(t, d, u, files, views)
					collect(t, d, u, memory, views)
				}
			}
		}
	})
}

// mixed is a file with raw tensors, large and small, and chunks of both kinds.
func mixed(t testing.TB) (*tensorfile.File, []tensor.View) {
	var views []tensor.View
	path := write(t, func(w *tensorfile.Writer) {
		for i, c := range []struct {
			s, chunk tensor.Shape
		}{
			{tensor.Shape{50 << 10}, nil},
			{tensor.Shape{100}, nil},
			{tensor.Shape{7, 33}, nil},
			{tensor.Shape{40, 300}, tensor.Shape{7, 300}},
			{tensor.Shape{3, 100, 120}, tensor.Shape{2, 60, 70}},
		} {
			v := sample(t, uint64(i), tensor.I16, c.s...)
			views = append(views, v)
			o := &tensorfile.TensorOptions{Chunk: c.chunk}
			if c.chunk != nil {
				o.Codec = "lz4"
			}
			ok(t, w.Add(ctx, fmt.Sprint(i), v, o))
		}
	})
	return must(tensorfile.Open(path, nil))(t), views
}
