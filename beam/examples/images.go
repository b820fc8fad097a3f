package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/beam/tensorio"
	"github.com/tensorfile/tensorfile/convert"
	_ "github.com/tensorfile/tensorfile/convert/jpeg"
	_ "github.com/tensorfile/tensorfile/convert/png"
	"github.com/tensorfile/tensorfile/tensor"
	"github.com/tensorfile/tensorfile/transform/image"
)

func init() {
	register.DoFn3x1[context.Context, picture, func(tensorio.Chunk), error](&decodeFn{})
	beam.RegisterType(reflect.TypeFor[picture]())
}

// images makes a data set of the pictures, PNG and JPEG, under a folder or a prefix of a
// bucket: "images", u8, N,size,size,3, and "labels", i64, N. The label of a picture is
// the place of its folder among all of them, which the attribute "classes" lists.
func images(ctx context.Context, s beam.Scope, in string, size int64, o tensorio.Output) error {
	if size < 1 || size > 1<<14 {
		return fmt.Errorf("-size %d: want 1 to %d", size, 1<<14)
	}
	names, err := list(ctx, in)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !slices.Contains([]string{".png", ".jpg", ".jpeg"}, strings.ToLower(path.Ext(name)))
	})
	if len(names) == 0 {
		return fmt.Errorf("%s: no .png, .jpg or .jpeg", in)
	}
	slices.Sort(names) // the same data set each time
	var classes []string
	for _, name := range names {
		classes = append(classes, path.Base(path.Dir(name)))
	}
	all := slices.Compact(slices.Sorted(slices.Values(classes)))
	pictures := make([]picture, len(names))
	for i, name := range names {
		label, _ := slices.BinarySearch(all, classes[i])
		pictures[i] = picture{int64(i), name, int64(label)}
	}
	n, texts := int64(len(names)), make([]any, len(all))
	for i, c := range all {
		texts[i] = c
	}
	o.Tensors = []tensorio.Spec{
		{Name: "images", DType: "u8", Shape: []int64{n, size, size, 3}, Chunk: []int64{1, size, size, 3}, Codec: "zstd:3"},
		{Name: "labels", DType: "i64", Shape: []int64{n}},
	}
	if o.Attrs, err = tensorio.EncodeAttrs(tensorfile.Attrs{"classes": texts}); err != nil {
		return err
	}
	work := beam.Reshuffle(s, beam.CreateList(s, pictures))
	tensorio.Write(s, o, beam.ParDo(s, &decodeFn{size}, work))
	return nil
}

// list names the files under a folder, or the objects under s3://BUCKET/PREFIX of the
// store that AWS_ENDPOINT_URL names.
func list(ctx context.Context, in string) (names []string, err error) {
	rest, ok := strings.CutPrefix(in, "s3://")
	if !ok {
		err := filepath.WalkDir(in, func(p string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				names = append(names, filepath.ToSlash(p))
			}
			return err
		})
		return names, err
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	if endpoint == "" {
		endpoint = "https://s3.amazonaws.com"
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	client, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewEnvAWS(), Secure: u.Scheme == "https", Region: os.Getenv("AWS_REGION")})
	if err != nil {
		return nil, err
	}
	for object := range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, object.Err
		}
		names = append(names, "s3://"+bucket+"/"+object.Key)
	}
	return names, nil
}

// picture is a picture to be decoded.
type picture struct {
	Row   int64
	Path  string
	Label int64
}

// decodeFn decodes pictures in the worker.
type decodeFn struct{ Size int64 }

// ProcessElement gives the row of a picture and that of its label.
func (fn *decodeFn) ProcessElement(ctx context.Context, p picture, emit func(tensorio.Chunk)) error {
	v, err := decode(ctx, p.Path, fn.Size)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Path, err)
	}
	b, err := v.Bytes()
	if err != nil {
		return err
	}
	emit(tensorio.Chunk{Tensor: "images", DType: "u8", Origin: []int64{p.Row, 0, 0, 0}, Shape: []int64{1, fn.Size, fn.Size, 3}, Data: b})
	emit(tensorio.Chunk{Tensor: "labels", DType: "i64", Origin: []int64{p.Row}, Shape: []int64{1}, Data: binary.LittleEndian.AppendUint64(nil, uint64(p.Label))})
	return nil
}

// decode is the picture as RGB, size pixels square: the middle of it, so that nothing is
// stretched.
func decode(ctx context.Context, name string, size int64) (v tensor.View, err error) {
	f, err := convert.Open(ctx, name, nil)
	if err != nil {
		return v, err
	}
	defer f.Close()
	for t, err := range f.Tensors() {
		if err != nil {
			return v, err
		}
		if v, err = t.Read(ctx); err != nil {
			return v, err
		}
		break
	}
	switch {
	case v.DType().String() != "u8":
		return v, fmt.Errorf("%v samples, want u8", v.DType())
	case v.Rank() == 2:
		v, _, err = tensor.Rearrange(v, "h w -> h w 1", nil)
		if err == nil {
			v, _, err = tensor.Repeat(v, "h w 1 -> h w c", tensor.Sizes{"c": 3})
		}
	case v.Rank() == 3 && v.Shape()[2] == 4:
		v, err = v.Select(tensor.Selection{{Kind: tensor.SelectEllipsis}, {Kind: tensor.SelectRange, Start: 0, Stop: 3, Step: 1}})
	case v.Rank() != 3 || v.Shape()[2] != 3:
		err = fmt.Errorf("shape %v, want rows, columns and 3 or 4 channels, or none", v.Shape())
	}
	if err != nil {
		return v, err
	}
	return image.Resize(v, image.HWC, size, size, &image.ResizeOptions{Fit: image.FitCrop})
}
