package ffmpeg

import (
	"errors"
	"testing"

	"github.com/tensorfile/tensorfile/convert/internal/pcm"
	"github.com/tensorfile/tensorfile/tensor"
)

// FuzzProbe reads anything that ffprobe might print.
func FuzzProbe(f *testing.F) {
	f.Add([]byte(`{"streams":[{"codec_type":"video"},{"codec_type":"audio","codec_name":"opus","sample_fmt":"fltp","sample_rate":"48000","channels":6,"channel_layout":"5.1","tags":{"title":"x"}}],"format":{"format_name":"ogg","tags":{"ARTIST":"y"}}}`))
	f.Add([]byte(`{"streams":[{"codec_type":"audio","sample_rate":7}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parse(b)
		var e *tensor.Error
		switch {
		case err == nil && (s.rate < 1 || s.channels < 1 || s.channels > pcm.MaxChannels || s.frame() < 1 || s.codec == "" || s.others < 0):
			t.Fatalf("%+v", s)
		case err != nil && (!errors.As(err, &e) || e.Kind == nil || e.Format != "ffmpeg"):
			t.Fatal(err)
		}
	})
}
