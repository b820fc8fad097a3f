package torch_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/internal/badinput"
	"github.com/tensorfile/tensorfile/tensor"
)

// member is one of an archive.
type member struct {
	name, data string
	deflate    bool
}

// archive makes a zip file that says what it holds before it.
func archive(members ...member) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(m.data)), CompressedSize64: uint64(len(m.data)), UncompressedSize64: uint64(len(m.data))}
		if m.deflate {
			f, err := w.CreateHeader(&zip.FileHeader{Name: m.name, Method: zip.Deflate})
			if err == nil {
				_, err = f.Write([]byte(m.data))
			}
			if err != nil {
				panic(err)
			}
			continue
		}
		f, err := w.CreateRaw(h)
		if err == nil {
			_, err = f.Write([]byte(m.data))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

const ten = "0123456789" // the bytes of storage 0

// pickled is a file with a pickle and one storage of ten bytes.
func pickled(p string) []byte {
	return archive(member{name: "a/data.pkl", data: p}, member{name: "a/data/0", data: ten})
}

// Pieces of pickles.
func str(s string) string { return "X" + u32(len(s)) + s }

func u32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

func num(n int) string { return "J" + u32(n) }

func tuple(items ...string) string { return "(" + strings.Join(items, "") + "t" }

func storage(class, key string, n int) string {
	return tuple(str("storage"), "ctorch\n"+class+"\n", str(key), str("cpu"), num(n)) + "Q"
}

// rebuild is a tensor of a storage.
func rebuild(storage string, offset int, shape, strides []int) string {
	ints := func(list []int) string {
		var s []string
		for _, n := range list {
			s = append(s, num(n))
		}
		return tuple(s...)
	}
	return "ctorch._utils\n_rebuild_tensor_v2\n" + tuple(storage, num(offset), ints(shape), ints(strides), "\x89", "ccollections\nOrderedDict\n)R") + "R"
}

func dict(items ...string) string { return "}(" + strings.Join(items, "") + "u" }

func TestBadInput(t *testing.T) {
	var rows []badinput.Row
	add := func(id, what string, b []byte, kind error, says ...string) *badinput.Row {
		rows = append(rows, badinput.Row{ID: id, What: what, Format: "torch", From: "torch", Kind: kind, Says: says, Make: func(t testing.TB, dir string) string {
			path := filepath.Join(dir, "a.pt")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}})
		return &rows[len(rows)-1]
	}
	bytesOf := storage("ByteStorage", "0", 10)
	good := rebuild(bytesOf, 0, []int{2, 5}, []int{5, 1})
	p := func(body string) []byte { return pickled("\x80\x02" + body + ".") }
	x := func(value string) []byte { return p(dict(str("good"), good, str("x"), value)) }
	holds := func(names ...string) func(t testing.TB, f *tensorfile.File) {
		return func(t testing.TB, f *tensorfile.File) {
			t.Helper()
			for _, name := range names {
				if _, err := f.Tensor(name); err != nil {
					t.Error(err)
				}
			}
		}
	}
	const bad = "T"

	// The archive.
	add(bad+"01", "no zip", []byte("this is no archive of any kind"), tensor.ErrFormat)
	add(bad+"01", "nothing", nil, tensor.ErrTruncated)
	add(bad+"02", "no pickle", archive(member{name: "a/version", data: "3"}), tensor.ErrFormat, `want one`).NoOffset = true
	add(bad+"02", "a pickle too deep", archive(member{name: "a/b/data.pkl", data: "N."}), tensor.ErrFormat, "no member called").NoOffset = true
	add(bad+"03", "two pickles", archive(member{name: "a/data.pkl", data: "N."}, member{name: "b/data.pkl", data: "N."}), tensor.ErrDuplicate, `got "a/data.pkl" and "b/data.pkl"`).NoOffset = true
	add(bad+"04", "a member twice", archive(member{name: "a/data.pkl", data: "N."}, member{name: "a/data.pkl", data: "N."}), tensor.ErrDuplicate)
	add(bad+"05", "a path out of it", archive(member{name: "a/data.pkl", data: "N."}, member{name: "../../etc/passwd", data: "x"}), tensor.ErrPath).NoOffset = true
	add(bad+"06", "the end cut off", x("N")[:200], tensor.ErrTruncated)
	whole := x("N")
	add(bad+"07", "a bit of the pickle", func() []byte {
		b := bytes.Clone(whole)
		b[bytes.Index(b, []byte("ByteStorage"))] ^= 1
		return b
	}(), tensor.ErrCorrupt, "CRC-32").NoOffset = true
	add(bad+"08", "byte order", archive(member{name: "a/data.pkl", data: "N."}, member{name: "a/byteorder", data: "middle"}), tensor.ErrFormat, `byte order: got "middle"`).NoOffset = true
	inflates := func(has, says int) []byte {
		var b, z bytes.Buffer
		f, _ := flate.NewWriter(&z, 1)
		f.Write(make([]byte, has))
		f.Close()
		w := zip.NewWriter(&b)
		out, err := w.CreateRaw(&zip.FileHeader{Name: "a/data.pkl", Method: zip.Deflate, CompressedSize64: uint64(z.Len()), UncompressedSize64: uint64(says)})
		if err == nil {
			_, err = out.Write(z.Bytes())
		}
		if err != nil || w.Close() != nil {
			panic(err)
		}
		return b.Bytes()
	}
	add(bad+"09", "a pickle that inflates", inflates(257<<20, 257<<20), tensor.ErrLimit, "pickle: got 269484032 bytes, want at most 268435456 bytes").NoOffset = true
	add(bad+"09", "one that claims to", inflates(1<<20, 300<<20), tensor.ErrCorrupt, "size: got 314572800")
	add(bad+"10", "before 1.6", []byte("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.and so on"), tensor.ErrUnsupported, "offset 0: format", "torch.save(torch.load(old")

	// The machine.
	for what, body := range map[string]string{"nothing": "", "no stop": "N", "a string": "X\x05\x00\x00\x00abc", "a line": "cos\nsystem", "an integer": "J\x01", "a long": "\x8a\x08\x01", "a frame": "\x95\xff\x00\x00\x00\x00\x00\x00\x00N", "a string of 2^63": "\x8d\xff\xff\xff\xff\xff\xff\xff\x7fx", "bytes of 4 GiB": "B\xff\xff\xff\xffx",
		"a protocol": "\x80", "an integer in words": "I7", "a float": "G\x00", "a float in words": "F1.5", "a long of 4": "\x8b\x05\x00", "a string in words": "Vabc", "the length of a string": "X\x05\x00", "a memo in words": "Np1", "a number in the memo": "Nr\x01", "the name of a global": "cos\n", "a persistent id": "Pabc"} {
		add(bad+"11", what, pickled("\x80\x02"+body), tensor.ErrTruncated, `member "a/data.pkl"`)
	}
	for what, body := range map[string]string{
		"stop on nothing": ".", "stop on two": "NN.", "stop on a mark": "N(.", "pop nothing": "0.", "a tuple without mark": "Nt.", "append to nothing": "Na.", "append to None": "NNa.", "items of a list": "]" + "(NNu.", "half a pair": "}(Nu.", "memo that was not put": "h\x00.", "a global of numbers": "K\x01K\x02\x93.", "call of a number": "K\x01)R.", "arguments that are a list": "ccollections\nOrderedDict\n]R.", "no UTF-8": "X\x01\x00\x00\x00\xff.", "bytes behind": "N.N", "an integer in words": "Iseven\n.", "build on nothing": "Nb.", "duplicate of nothing": "2.",
		"a list without mark": "l.", "pop to a mark without one": "1.", "extend without mark": "e.", "append of nothing": "a.", "append to nothing at all": "(Ne.", "items without mark": "u.", "an item of one": "}Ns.", "items of nothing": "(u.", "a pair of one": "N\x86.", "memo of nothing": "\x94.", "memo in words": "Npx\n.", "a global of one": "N\x93.", "a call of nothing": ")R.", "a string without quotes": "Sabc\n.", "a float in words": "Fseven\n.", "a persistent id of nothing": "Q.",
	} {
		add(bad+"12", what, pickled("\x80\x02"+body), tensor.ErrFormat, `member "a/data.pkl"`)
	}
	for what, body := range map[string]string{"EXT1": "\x82\x01.", "INST": "(icos\nsystem\n.", "OBJ": "(cos\nsystem\no.", "a buffer out of band": "\x97.", "what is none": "\xff.", "protocol 6": "\x80\x06N.", "a persistent id in text": "Pabc\n.", "escapes": "V\\u0041\n."} {
		add(bad+"13", what, pickled("\x80\x02"+body), tensor.ErrUnsupported, `member "a/data.pkl"`)
	}

	// What a pickle asks for. Nothing is executed, and what stands beside is read.
	for what, value := range map[string]string{
		"os.system":                    "cos\nsystem\n" + tuple(str("touch /tmp/owned")) + "R",
		"in other words":               str("os") + str("system") + "\x93" + tuple(str("id")) + "R",
		"builtins.eval":                "cbuiltins\neval\n" + tuple(str("1")) + "R",
		"a new object":                 "csubprocess\nPopen\n" + tuple(str("id")) + "\x81",
		"with keywords":                "csubprocess\nPopen\n" + tuple(str("id")) + "}\x92",
		"getattr of torch":             "cbuiltins\ngetattr\n" + tuple("ctorch\nload\n", str("x")) + "R",
		"a call of what was refused":   "cos\nsystem\n" + tuple(str("id")) + "R)R",
		"state into what was refused":  "c__main__\nNet\n)\x81}" + "(" + str("w") + good + "ub",
		"a tensor of another class":    "ctorch._tensor\n_rebuild_from_type_v2\n" + tuple("ctorch._utils\n_rebuild_tensor_v2\n", "c__main__\nT\n", ")", "}") + "R",
		"a quantised storage":          rebuild(storage("QInt8Storage", "0", 10), 0, []int{1}, []int{1}),
		"a name alone":                 "cos\nsystem\n",
		"an integer of 9 bytes":        "\x8a\x09\x01\x02\x03\x04\x05\x06\x07\x08\x01",
		"a numpy scalar":               "cnumpy.core.multiarray\nscalar\n)R",
		"the rebuilding of the inside": "ctorch._tensor\n_rebuild_from_type_v2\n" + tuple("ctorch._utils\n_rebuild_qtensor\n", "ctorch\nTensor\n", ")", "}") + "R",
	} {
		r := add(bad+"14", what, x(value), tensor.ErrUnsupported, `member "a/data.pkl"`, `tensor "x"`, "want tensors, containers and plain values")
		r.NoOffset = true
	}

	// Tensors.
	for what, value := range map[string]string{
		"a shape beyond the storage":  rebuild(bytesOf, 0, []int{11}, []int{1}),
		"an offset beyond it":         rebuild(bytesOf, 10, []int{1}, []int{1}),
		"strides beyond it":           rebuild(bytesOf, 0, []int{2, 2}, []int{9, 1}),
		"floats beyond it":            rebuild(storage("FloatStorage", "0", 2), 1, []int{2}, []int{1}),
		"more than the member":        rebuild(storage("ByteStorage", "0", 11), 0, []int{1}, []int{1}),
		"no member":                   rebuild(storage("ByteStorage", "1", 10), 0, []int{1}, []int{1}),
		"a member that is no storage": rebuild(storage("ByteStorage", "../data.pkl", 1), 0, []int{1}, []int{1}),
		"2^31-1 of every axis":        rebuild(bytesOf, 0, []int{1<<31 - 1, 1<<31 - 1}, []int{1, 1}),
		"2^31-1 elements of 2^31-1":   rebuild(storage("DoubleStorage", "0", 1), 1<<31-1, []int{1}, []int{1}),
	} {
		add(bad+"15", what, x(value), tensor.ErrTruncated)
	}
	for what, value := range map[string]string{
		"more strides than axes": rebuild(bytesOf, 0, []int{2}, []int{1, 1}), "a negative shape": rebuild(bytesOf, 0, []int{-1}, []int{1}), "a negative stride": rebuild(bytesOf, 0, []int{2}, []int{-1}), "a negative offset": rebuild(bytesOf, -1, []int{2}, []int{1}),
		"a negative number of elements": rebuild(storage("ByteStorage", "0", -1), 0, []int{1}, []int{1}),
		"no storage":                    rebuild("N", 0, []int{1}, []int{1}), "too few arguments": "ctorch._utils\n_rebuild_tensor_v2\n)R", "a shape of text": "ctorch._utils\n_rebuild_tensor_v2\n" + tuple(bytesOf, num(0), tuple(str("a")), tuple(num(1))) + "R", "a shape that is none": "ctorch._utils\n_rebuild_tensor_v2\n" + tuple(bytesOf, num(0), "N", ")") + "R",
		"bytes without dtype": "ctorch._utils\n_rebuild_tensor_v2\n" + tuple(tuple(str("storage"), "ctorch.storage\nUntypedStorage\n", str("0"), str("cpu"), num(10))+"Q", num(0), ")", ")") + "R",
		"a parameter of None": "ctorch._utils\n_rebuild_parameter\n" + tuple("N", "\x88", "N") + "R", "an OrderedDict of numbers": "ccollections\nOrderedDict\n" + tuple(tuple(num(1))) + "R",
	} {
		add(bad+"16", what, x(value), tensor.ErrFormat)
	}
	ones, axes := make([]int, 33), make([]int, 33)
	for i := range ones {
		ones[i], axes[i] = 1, 1
	}
	add(bad+"17", "33 axes", x(rebuild(bytesOf, 0, ones, axes)), tensor.ErrLimit, "33 axes")
	eight := func(n uint64) string { return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, n)) }
	add(bad+"18", "elements that wrap", x("ctorch._utils\n_rebuild_tensor_v2\n"+tuple(bytesOf, num(0), tuple(eight(1<<62), eight(1<<62)), tuple(eight(0), eight(0)))+"R"), tensor.ErrOverflow)
	add(bad+"18", "strides that wrap", x("ctorch._utils\n_rebuild_tensor_v2\n"+tuple(bytesOf, num(0), tuple(eight(5)), tuple(eight(1<<61)))+"R"), tensor.ErrOverflow)
	add(bad+"18", "an offset of 2^63-1", x("ctorch._utils\n_rebuild_tensor_v2\n"+tuple(bytesOf, eight(1<<63-1), tuple(eight(1)), tuple(eight(1)))+"R"), tensor.ErrTruncated)
	add(bad+"19", "2^62 of one element", x("ctorch._utils\n_rebuild_tensor_v2\n"+tuple(bytesOf, num(3), tuple(eight(1<<62)), tuple(eight(0)))+"R"), tensor.ErrLimit, "bytes to copy out: got 4611686018427387904")
	rows[len(rows)-1].At, rows[len(rows)-1].Format, rows[len(rows)-1].Converts = badinput.Use, "", true

	// Names and sizes of what is flattened.
	add(bad+"20", "two of one name", p(dict(str("a"), dict(str("b"), good), str("a.b"), good)), tensor.ErrDuplicate, `tensor "a.b"`, "name").NoOffset = true
	add(bad+"20", "a key twice", p(dict(str("a"), "N", str("a"), good)), nil).Check = holds("a")
	add(bad+"21", "no name", p(dict(str(""), good)), tensor.ErrFormat, "name").NoOffset = true
	add(bad+"21", "a name with NUL", p(dict(str("a\x00b"), good)), tensor.ErrFormat, "name").NoOffset = true
	add(bad+"21", "a key that is a tuple", p(dict(tuple(num(1)), good)), tensor.ErrUnsupported, "key").NoOffset = true
	add(bad+"22", "a list that holds itself", p(dict(str("good"), good, str("x"), "]q\x00h\x00a")), tensor.ErrLimit, "nesting").NoOffset = true
	add(bad+"22", "100 lists", p(strings.Repeat("](", 100)+good+strings.Repeat("e", 100)), tensor.ErrLimit, "nesting").NoOffset = true
	laughs := "](" + strings.Repeat(num(1), 10) + "e"
	for i := range 9 {
		put := "q" + string(rune('0'+i))
		laughs += put + "0](" + strings.Repeat("h"+string(rune('0'+i)), 10) + "e"
	}
	add(bad+"23", "a billion laughs", p(laughs), tensor.ErrLimit, "the same again and again").NoOffset = true
	add(bad+"24", "a stack of 400,000 dicts", p(strings.Repeat("}", 400_000)), tensor.ErrLimit, "more values")
	add(bad+"24", "600,000 on the stack", p(strings.Repeat("N", 600_000)), tensor.ErrLimit, "stack: got more values, want at most 131072")
	add(bad+"24", "200,000 into the memo", p("N"+strings.Repeat("\x94", 200_000)), nil)
	add(bad+"24", "600,000 marks", p(strings.Repeat("(", 600_000)), tensor.ErrLimit, "stack")
	add(bad+"25", "an empty dict", p("}"), nil)
	add(bad+"25", "of all protocols", pickled("\x80\x05\x95\x02\x00\x00\x00\x00\x00\x00\x00N0"+"}\x94(\x8c\x04good\x94"+good+"\x94u."), nil).Check = holds("good")
	for i := range rows {
		if rows[i].ID > bad+"14" && rows[i].Kind != nil && rows[i].ID < bad+"20" {
			rows[i].NoOffset = true // some have the place of an opcode, some none
		}
	}
	badinput.Run(t, rows)
	t.Logf("%d rows", len(rows))
}
