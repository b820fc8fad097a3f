package ffmpeg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tensorfile/tensorfile/convert"
	"github.com/tensorfile/tensorfile/convert/internal/pcm"
	"github.com/tensorfile/tensorfile/tensor"
)

// demuxers are those that may read a file: containers of sound that name no other
// files.
const demuxers = "ogg,mov,matroska,asf,aac,ac3,eac3,dts,truehd,mp3,flac,wav,w64,aiff,au,caf,ape,wv,tta,amr,amrnb,amrwb,mpc,mpc8,tak,avi,flv,mpegts,mpeg,rm,voc,loas,latm,dsf,iff,shn,oma,gsm,sbc"

// source is where the bytes of a file come from.
type source struct {
	path  string        // absolute; "": a pipe gives them
	bytes convert.Input // what the pipe gives
	name  string        // as the caller said it, for errors
}

// sourceOf finds out how the programs get at a file.
func sourceOf(in convert.Input) (source, error) {
	s := source{bytes: in, name: in.Path()}
	if f, ok := in.(interface{ Local() bool }); ok && f.Local() {
		abs, err := filepath.Abs(in.Path())
		if err != nil {
			return s, &tensor.Error{Kind: tensor.ErrPath, Format: "ffmpeg", Offset: -1, Field: "path", Err: err}
		}
		s.path = abs
	}
	return s, nil
}

// command is a program that reads the source.
func (s source) command(ctx context.Context, name string, before, after []string) (*exec.Cmd, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, &tensor.Error{Kind: tensor.ErrUnsupported, Format: "ffmpeg", Offset: -1, Field: "program " + name, Got: "none", Want: "one in the path: FFmpeg decodes files of this kind", Err: errors.Unwrap(err)}
	}
	input := "pipe:0"
	if s.path != "" {
		input = "file:" + s.path
	}
	args := slices.Concat([]string{"-hide_banner", "-v", "error"}, before, []string{"-protocol_whitelist", "file,pipe", "-format_whitelist", demuxers, "-i", input}, after)
	c := exec.CommandContext(ctx, path, args...)
	c.Env = append(systemEnv(), "LC_ALL=C", "AV_LOG_FORCE_NOCOLOR=1")
	if s.path == "" {
		c.Stdin = io.NewSectionReader(s.bytes, 0, s.bytes.Size())
	}
	c.WaitDelay = 2 * time.Second
	return c, nil
}

// words keeps the begin of what a program says.
type words struct {
	mu sync.Mutex
	b  []byte
}

const maxWords = 300

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b = append(w.b, p[:min(len(p), maxWords-len(w.b))]...)
	return len(p), nil
}

// said is that begin, in one line.
func (w *words) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(strings.Fields(string(w.b)), " ")
}

// failed is the error of a program that ended in err.
func (s source) failed(ctx context.Context, err error, w *words, program string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	said := w.said()
	var exit *exec.ExitError
	if said == "" && err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		said = err.Error()
	}
	return &tensor.Error{Kind: tensor.ErrCorrupt, Path: s.name, Format: "ffmpeg", Offset: -1, Field: program, Got: tensor.Quote(said), Want: "sound that it can decode"}
}

// sample is what a decoder makes.
type sample struct {
	dtype  tensor.DType
	format string // of a file of nothing else
}

// samples are by FFmpeg's names; those that end in p are the same, planar.
var samples = map[string]sample{
	"u8": {tensor.U8, "u8"}, "s16": {tensor.I16, "s16le"}, "s32": {tensor.I32, "s32le"}, "flt": {tensor.F32, "f32le"}, "dbl": {tensor.F64, "f64le"},
}

// stream is what ffprobe says of the first audio stream.
type stream struct {
	codec, container string
	sample           sample
	channels, rate   int64
	others           int
	attrs            convert.Attrs
}

// frame is how many bytes a frame of samples has.
func (s *stream) frame() int64 { return s.channels * int64(s.sample.dtype.UnitBytes) }

const maxProbe = 1 << 20 // bytes that ffprobe may print

// probe asks ffprobe what there is.
func probe(ctx context.Context, src source) (stream, error) {
	var s stream
	own, stop := context.WithCancel(ctx)
	defer stop()
	c, err := src.command(own, "ffprobe", []string{"-of", "json", "-show_entries",
		"format=format_name:format_tags:stream=codec_type,codec_name,sample_fmt,sample_rate,channels,channel_layout:stream_tags"}, nil)
	if err != nil {
		return s, err
	}
	out, said := &limited{most: maxProbe, stop: stop}, &words{}
	c.Stdout, c.Stderr = out, said
	if err := c.Run(); err != nil && !out.over {
		return s, src.failed(ctx, err, said, "ffprobe")
	}
	if out.over {
		return s, bad(tensor.ErrLimit, "ffprobe", "more", fmt.Sprintf("at most %d bytes", maxProbe))
	}
	return parse(out.b)
}

// parse reads what ffprobe prints.
func parse(b []byte) (s stream, err error) {
	var doc struct {
		Format struct {
			Name string            `json:"format_name"`
			Tags map[string]string `json:"tags"`
		} `json:"format"`
		Streams []struct {
			Type     string            `json:"codec_type"`
			Codec    string            `json:"codec_name"`
			Sample   string            `json:"sample_fmt"`
			Rate     string            `json:"sample_rate"`
			Channels int64             `json:"channels"`
			Layout   string            `json:"channel_layout"`
			Tags     map[string]string `json:"tags"`
		} `json:"streams"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return s, bad(tensor.ErrCorrupt, "ffprobe", tensor.Quote(err.Error()), "what it found, as JSON")
	}
	i := -1
	for n, x := range doc.Streams {
		if x.Type == "audio" {
			i = n
			break
		}
	}
	if i < 0 {
		return s, bad(tensor.ErrFormat, "audio streams", "none", "one")
	}
	x := doc.Streams[i]
	s = stream{codec: x.Codec, container: doc.Format.Name, channels: x.Channels, others: len(doc.Streams) - 1, attrs: convert.Attrs{}}
	var known bool
	if s.sample, known = samples[strings.TrimSuffix(x.Sample, "p")]; !known {
		return s, bad(tensor.ErrUnsupported, "sample format", tensor.Quote(x.Sample), "u8, s16, s32, flt or dbl")
	}
	if s.rate, err = strconv.ParseInt(x.Rate, 10, 64); err != nil || s.rate < 1 {
		return s, bad(tensor.ErrFormat, "sample rate", tensor.Quote(x.Rate), "above 0")
	}
	if s.channels < 1 || s.channels > pcm.MaxChannels {
		return s, bad(tensor.ErrFormat, "channels", fmt.Sprint(s.channels), fmt.Sprintf("1 to %d", pcm.MaxChannels))
	}
	if s.codec == "" {
		return s, bad(tensor.ErrUnsupported, "codec", "none", "one that FFmpeg knows")
	}
	s.attrs["sample_rate"], s.attrs["encoding"] = s.rate, s.codec
	if mask := masks[x.Layout]; mask != 0 {
		s.attrs["channel_mask"] = mask
	}
	if info := pcm.InfoOf(x.Tags, doc.Format.Tags); len(info) > 0 {
		s.attrs["info"] = info
	}
	return s, nil
}

// masks are those of layouts of three channels and more.
var masks = map[string]int64{
	"2.1": 0xb, "3.0": 0x7, "3.1": 0xf, "4.0": 0x107, "quad": 0x33, "quad(side)": 0x603, "5.0": 0x37, "5.0(side)": 0x607, "5.1": 0x3f, "5.1(side)": 0x60f, "6.1": 0x70f,
	"7.1": 0x63f,
}

// limited keeps what is written to it, up to a limit, at which it stops the writer.
type limited struct {
	b    []byte
	most int
	over bool
	stop func()
}

func (l *limited) Write(p []byte) (int, error) {
	if len(l.b)+len(p) > l.most {
		l.over = true
		l.stop()
		return 0, io.ErrShortWrite
	}
	l.b = append(l.b, p...)
	return len(p), nil
}

// process is ffmpeg at work: what it decodes.
type process struct {
	ctx  context.Context
	stop context.CancelFunc
	src  source
	cmd  *exec.Cmd
	out  io.ReadCloser
	said words
	done bool
	err  error // at the end
}

// start begins to decode a file.
func (f *file) start(ctx context.Context) (*process, error) {
	own, stop := context.WithCancel(ctx)
	before := []string{"-nostdin"}
	if !f.lax {
		before = append(before, "-xerror")
	}
	format := f.stream.sample.format
	after := []string{"-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-c:a", "pcm_" + format, "-ar", fmt.Sprint(f.stream.rate), "-ac", fmt.Sprint(f.stream.channels),
		"-f", format, "pipe:1"}
	c, err := f.source.command(own, "ffmpeg", before, after)
	if err != nil {
		stop()
		return nil, err
	}
	p := &process{ctx: ctx, stop: stop, src: f.source, cmd: c}
	c.Stderr = &p.said
	if p.out, err = c.StdoutPipe(); err == nil {
		err = c.Start()
	}
	if err != nil {
		stop()
		return nil, f.source.failed(ctx, err, &p.said, "ffmpeg")
	}
	return p, nil
}

func (p *process) Read(b []byte) (int, error) {
	if p.done {
		return 0, p.err
	}
	n, err := p.out.Read(b)
	if err == nil || n > 0 {
		return n, nil
	}
	p.done = true
	switch wait := p.cmd.Wait(); {
	case err == io.EOF && wait == nil:
		p.err = io.EOF
	case wait != nil:
		p.err = p.src.failed(p.ctx, wait, &p.said, "ffmpeg")
	default:
		p.err = p.src.failed(p.ctx, err, &p.said, "ffmpeg")
	}
	p.stop()
	return 0, p.err
}

// Close kills the program if it is still at work, and waits for its end.
func (p *process) Close() error {
	p.stop()
	if !p.done {
		p.done, p.err = true, io.ErrClosedPipe
		p.cmd.Wait()
	}
	return nil
}
