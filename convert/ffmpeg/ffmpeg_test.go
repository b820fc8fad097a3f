package ffmpeg_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/ffmpeg"
	_ "github.com/tensorfile/tensorfile/convert/flac"
	"github.com/tensorfile/tensorfile/convert/wav"
	"github.com/tensorfile/tensorfile/mmap"
	"github.com/tensorfile/tensorfile/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// programs skips a test where there is no FFmpeg.
func programs(t testing.TB) {
	t.Helper()
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("no program ", name, " here")
		}
	}
}

func openPath(t testing.TB, path string, o *convert.OpenOptions) (*tensorfile.File, error) {
	t.Helper()
	f, err := convert.Open(t.Context(), path, o)
	if err == nil {
		t.Cleanup(func() { f.Close() })
	}
	return f, err
}

// only reads the one tensor of a file.
func only(t testing.TB, f *tensorfile.File) (tensor.View, tensorfile.Attrs) {
	t.Helper()
	x, err := f.Tensor(f.Layout().Tensors[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := x.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, err := x.Attrs()
	if err != nil {
		t.Fatal(err)
	}
	return v, a
}

func sound(t testing.TB, path string) (tensor.View, tensorfile.Attrs) {
	t.Helper()
	f, err := openPath(t, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return only(t, f)
}

func floats(t testing.TB, v tensor.View) []float64 {
	t.Helper()
	x := make([]float64, v.NumElements())
	out, err := tensor.FromSlice(x, v.Shape()...)
	if err == nil {
		err = tensor.Cast(out, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestGolden reads files of lossless codecs exactly, and those of others as
// libsndfile does.
func TestGolden(t *testing.T) {
	programs(t)
	for name, rate := range map[string]int64{"alac.m4a": 44100, "wavpack.wv": 48000, "tta.tta": 8000} {
		v, attrs := sound(t, "testdata/"+name)
		if v.DType() != tensor.I16 || !v.Shape().Equal(tensor.Shape{1500, 2}) || attrs["sample_rate"] != rate || attrs["encoding"] == nil {
			t.Errorf("%s: %v%v, %v", name, v.DType(), v.Shape(), attrs)
			continue
		}
		if name != "tta.tta" && attrs["info"].(map[string]any)["INAM"] != "A title" {
			t.Errorf("%s: %v", name, attrs)
		}
		for i, x := range floats(t, v) {
			n := int64(i)
			if want := math.Floor(float64((n*n*7919+n*104729)%65536-32768) / 8); x != want {
				t.Fatalf("%s: sample %d is %v, want %v", name, i, x, want)
			}
		}
	}
	for _, name := range []string{"vorbis.ogg", "opus.opus"} {
		v, attrs := sound(t, "testdata/"+name)
		w, want := sound(t, "testdata/"+strings.Split(name, ".")[0]+".flac")
		if v.DType() != tensor.F32 || !v.Shape().Equal(w.Shape()) || attrs["sample_rate"] != want["sample_rate"] {
			t.Errorf("%s: %v%v, want %v; %v", name, v.DType(), v.Shape(), w.Shape(), attrs)
			continue
		}
		most := 0.0
		ref := floats(t, w)
		for i, x := range floats(t, v) {
			most = max(most, math.Abs(32768*x-ref[i]))
		}
		if t.Logf("%s: differences up to %.1f", name, most); most > 4 {
			t.Errorf("%s: differences up to %.1f", name, most)
		}
	}
}

// TestAgain reads what is too much to be kept, from the middle and twice, and what
// is no local file.
func TestAgain(t *testing.T) {
	programs(t)
	path := filepath.Join(t.TempDir(), "- $(touch x) 'long'\n%d.wav")
	x32 := make([]int32, 4_400_000)
	for i := range x32 {
		x32[i] = int32(uint32(i) * 2654435761)
	}
	long, err := tensor.FromSlice(x32)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := wav.Encode(&file, long, convert.Attrs{"sample_rate": 48000}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openPath(t, path, &convert.OpenOptions{Format: "ffmpeg"})
	if err != nil {
		t.Fatal(err)
	}
	v, _ := only(t, f)
	if v.String() != long.String() || !v.Shape().Equal(long.Shape()) {
		t.Fatalf("%v%v: %v", v.DType(), v.Shape(), v)
	}
	x, _ := f.Tensor(f.Layout().Tensors[0].Name)
	n := v.Shape()[0]
	part, err := x.Read(t.Context(), tensor.Selection{{Kind: tensor.SelectRange, Start: n - 1000, Stop: n, Step: 1}})
	if err != nil {
		t.Fatal(err)
	}
	end, err := v.Slice(0, n-1000, n, 1)
	if err != nil || part.String() != end.String() {
		t.Errorf("%v, want %v; %v", part, end, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := f.Layout().Storages[0].Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if r, err = f.Layout().Storages[0].Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil { // at once
		t.Error(err)
	}

	b, err := os.ReadFile("testdata/vorbis.ogg")
	if err != nil {
		t.Fatal(err)
	}
	piped, err := convert.OpenMap(t.Context(), mmap.NewReaderAt(bytes.NewReader(b), int64(len(b)), "http://there/x.ogg"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer piped.Close()
	got, _ := only(t, piped)
	if want, _ := sound(t, "testdata/vorbis.ogg"); got.String() != want.String() || !got.Shape().Equal(want.Shape()) {
		t.Errorf("%v, want %v", got, want)
	}
}

// fake puts programs of ours in the path: scripts of a shell.
func fake(t *testing.T, probe, decode string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("scripts of a shell")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"ffprobe": probe, "ffmpeg": decode} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	t.Setenv("SECRET", "hidden")
}

// found is what ffprobe prints of a stream.
func found(sample, rate string, channels int) string {
	return fmt.Sprintf(`printf '{"streams":[{"codec_type":"audio","codec_name":"x","sample_fmt":"%s","sample_rate":"%s","channels":%d}],"format":{"format_name":"ogg"}}'`, sample, rate, channels)
}

// TestPrograms runs programs that do what they should not.
func TestPrograms(t *testing.T) {
	good := found("s16", "8000", 1)
	path := filepath.Join(t.TempDir(), "x.ogg")
	if err := os.WriteFile(path, []byte("OggS and nothing else"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, probe, decode string
		kind                error
		says                string
	}{
		{"no programs", "", "", tensor.ErrUnsupported, "program ffprobe: got none, want one in the path: FFmpeg decodes files of this kind"},
		{"no ffmpeg", good, "", tensor.ErrUnsupported, "program ffmpeg: got none"},
		{"ffprobe fails", "echo 'no such codec' >&2; exit 1", "exit 9", tensor.ErrCorrupt, `ffprobe: got "no such codec", want sound that it can decode`},
		{"ffprobe fails and is silent", "exit 3", "exit 9", tensor.ErrCorrupt, `ffprobe: got ""`},
		{"ffprobe kills itself", "kill -9 $$", "exit 9", tensor.ErrCorrupt, "signal: killed"},
		{"ffprobe says nothing", "exit 0", "exit 9", tensor.ErrCorrupt, "ffprobe: got"},
		{"ffprobe says no JSON", "echo '{\"streams\": [}'", "exit 9", tensor.ErrCorrupt, "want what it found, as JSON"},
		{"ffprobe says another JSON", "echo '{\"streams\": 7}'", "exit 9", tensor.ErrCorrupt, "want what it found, as JSON"},
		{"ffprobe says too much", "while :; do echo '                                                                                                        '; done", "exit 9", tensor.ErrLimit, "ffprobe: got more, want at most 1048576 bytes"},
		{"no streams", "echo '{}'", "exit 9", tensor.ErrFormat, "audio streams: got none, want one"},
		{"video alone", `echo '{"streams":[{"codec_type":"video"}]}'`, "exit 9", tensor.ErrFormat, "audio streams: got none"},
		{"a sample format of nobody", found("s20", "8000", 1), "exit 9", tensor.ErrUnsupported, `sample format: got "s20"`},
		{"64 bits", found("s64p", "8000", 1), "exit 9", tensor.ErrUnsupported, `sample format: got "s64p"`},
		{"0 Hz", found("s16", "0", 1), "exit 9", tensor.ErrFormat, `sample rate: got "0"`},
		{"no rate", found("s16", "", 1), "exit 9", tensor.ErrFormat, `sample rate: got ""`},
		{"-1 Hz", found("s16", "-1", 1), "exit 9", tensor.ErrFormat, `sample rate: got "-1"`},
		{"0 channels", found("s16", "8000", 0), "exit 9", tensor.ErrFormat, "channels: got 0, want 1 to 1024"},
		{"-1 channels", found("s16", "8000", -1), "exit 9", tensor.ErrFormat, "channels: got -1"},
		{"too many channels", found("s16", "8000", 1025), "exit 9", tensor.ErrFormat, "channels: got 1025"},
		{"no codec", `echo '{"streams":[{"codec_type":"audio","sample_fmt":"s16","sample_rate":"8000","channels":1}]}'`, "exit 9", tensor.ErrUnsupported, "codec: got none"},
		{"ffmpeg fails", good, "echo damaged >&2; exit 1", tensor.ErrCorrupt, `ffmpeg: got "damaged", want sound that it can decode`},
		{"ffmpeg fails behind some sound", good, "printf abcd; echo damaged >&2; exit 1", tensor.ErrCorrupt, `ffmpeg: got "damaged"`},
		{"ffmpeg kills itself", good, "printf abcd; kill -9 $$", tensor.ErrCorrupt, "signal: killed"},
		{"half a sample", good, "printf abc", tensor.ErrCorrupt, "decoded bytes: got 3, want a multiple of the 2 of a frame"},
		{"half a frame", found("flt", "8000", 2), "printf abcdabcdabcd", tensor.ErrCorrupt, "decoded bytes: got 12, want a multiple of the 8"},
		{"sound without end", good, "while :; do echo '                                                                                                        '; done", tensor.ErrLimit, "decoded bytes: got more, want at most 3000000"},
		{"words without end", good, "i=0; while [ $i -lt 20000 ]; do echo 'a line of words, one as long as the other' >&2; i=$((i+1)); done; exit 1", tensor.ErrCorrupt, "a line of words"},
		{"words for a terminal", good, "printf '\\033[2J\\007evil\\n' >&2; exit 1", tensor.ErrCorrupt, `\x1b[2J\aevil`},
	} {
		t.Run(c.what, func(t *testing.T) {
			fake(t, c.probe, c.decode)
			o := &convert.OpenOptions{}
			o.MaxDecoded = 3_000_000
			_, err := openPath(t, path, o)
			var e *tensor.Error
			if !errors.As(err, &e) || !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || e.Format != "ffmpeg" || e.Path != path {
				t.Errorf("%v", err)
			}
			if err != nil && len(err.Error()) > 700 {
				t.Errorf("%d bytes of error", len(err.Error()))
			}
		})
	}
}

// TestArguments looks at what the programs are given.
func TestArguments(t *testing.T) {
	for _, name := range []string{"x.ogg", "-x.ogg", "http:x.ogg", "concat:a|b.ogg", "a b;c $(d) 'e' \"f\".ogg", "%03d.ogg", "n\nl.ogg", "pipe:0.ogg"} {
		t.Run(name, func(t *testing.T) {
			said := filepath.Join(t.TempDir(), "said")
			tell := fmt.Sprintf("{ env -0 2>/dev/null || /usr/bin/env -0; printf '|'; for a; do printf '%%s\\0' \"$a\"; done; } >> '%s'\n", said)
			fake(t, tell+found("s16", "8000", 1), tell+"printf abcd")
			t.Chdir(t.TempDir())
			if err := os.WriteFile(name, []byte("OggS"), 0o600); err != nil {
				t.Skip(err)
			}
			abs, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			f, err := openPath(t, name, nil)
			if err != nil {
				t.Fatal(err)
			}
			if v, attrs := only(t, f); v.String() != "[25185 25699]" || attrs["sample_rate"] != int64(8000) {
				t.Error(v, attrs)
			}
			b, err := os.ReadFile(said)
			if err != nil {
				t.Fatal(err)
			}
			args := strings.Split(string(b), "\x00")
			if i := slices.Index(args, "-i"); i < 0 || args[i+1] != "file:"+abs {
				t.Errorf("input of %q", args)
			}
			for _, want := range []string{"-protocol_whitelist", "file,pipe", "-format_whitelist", "-nostdin", "-xerror"} {
				if !slices.ContainsFunc(args, func(a string) bool { return strings.HasSuffix(a, want) }) {
					t.Errorf("no %s in %q", want, args)
				}
			}
			if strings.Contains(string(b), "hidden") {
				t.Error("the environment goes along")
			}
		})
	}
}

// TestKilled ends programs that do not end, with the context.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ogg")
	if err := os.WriteFile(path, []byte("OggS"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string][2]string{
		"ffprobe": {"exec /bin/sleep 100", "exit 1"},
		"ffmpeg":  {found("s16", "8000", 1), "printf abcd; exec /bin/sleep 100"},
		"child":   {found("s16", "8000", 1), "printf abcd; /bin/sleep 4"},
	} {
		t.Run(what, func(t *testing.T) {
			fake(t, c[0], c[1])
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			begin := time.Now()
			_, err := convert.Open(ctx, path, nil)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 6*time.Second {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		})
	}
}

// TestDamaged are files that FFmpeg itself refuses, or that it must not follow.
func TestDamaged(t *testing.T) {
	programs(t)
	whole, err := os.ReadFile("testdata/vorbis.ogg")
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret.wav")
	if err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=1", secret).Run(); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	for i := len(damaged) / 2; i < len(damaged)/2+200; i++ {
		damaged[i] ^= 0x55
	}
	for what, b := range map[string][]byte{
		"nothing": nil, "a mark": []byte("OggS"), "zeros": make([]byte, 9000), "half a header": whole[:60],
		"a playlist":         []byte("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://" + secret + "\n#EXT-X-ENDLIST\n"),
		"a list of files":    []byte("ffconcat version 1.0\nfile '" + secret + "'\n"),
		"a session":          []byte("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n"),
		"a manifest":         []byte("<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><BaseURL>" + secret + "</BaseURL></MPD>"),
		"a picture":          append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 100)...),
		"a graph of filters": []byte("sine=d=1"),
	} {
		path := filepath.Join(t.TempDir(), "x.ogg")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		o := &convert.OpenOptions{Format: "ffmpeg"}
		_, err := openPath(t, path, o)
		var e *tensor.Error
		if !errors.As(err, &e) || e.Format != "ffmpeg" || !errors.Is(err, tensor.ErrCorrupt) && !errors.Is(err, tensor.ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, cut := range []int{len(whole) / 2, len(whole) - 1} {
		path := filepath.Join(t.TempDir(), "x.ogg")
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := openPath(t, path, nil); err == nil {
			if v, _ := only(t, f); v.Shape()[0] >= 6000 {
				t.Errorf("%v of a file that was cut off", v.Shape())
			}
		}
	}
}

// A file of several streams without a sample is its first sound, and says what is
// left out.
func TestNoSamples(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ogg")
	if err := os.WriteFile(path, []byte("OggS and nothing else"), 0o600); err != nil {
		t.Fatal(err)
	}
	fake(t, `echo '{"streams":[{"codec_type":"video"},{"codec_type":"audio","codec_name":"x","sample_fmt":"s16","sample_rate":"8000","channels":6,"channel_layout":"5.1"},{"codec_type":"audio"}],"format":{"format_name":"ogg"}}'`, "exit 0")
	f, err := openPath(t, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, attrs := only(t, f)
	if !v.Shape().Equal(tensor.Shape{0, 6}) || attrs["channel_mask"] != int64(0x3f) || attrs["sample_rate"] != int64(8000) {
		t.Errorf("%v, %v", v.Shape(), attrs)
	}
	if notes := f.Layout().Notes; len(notes) != 1 || !strings.HasSuffix(notes[0], "more streams are left out") {
		t.Errorf("%q", notes)
	}
}
