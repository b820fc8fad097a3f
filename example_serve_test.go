package tensorfile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/tensor"
)

// rows answers requests for one row of a matrix, from the mapping.
func rows(f *tensorfile.File, name string) (http.Handler, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i, err := strconv.ParseInt(r.FormValue("i"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var text []byte
		err = t.Guard(func(v tensor.View) error { // a view of the file's own bytes
			row, err := v.Index(0, i)
			if err != nil {
				return err
			}
			x, err := tensor.Data[float32](row) // []float32: no copy
			if err != nil {
				return err
			}
			text, err = json.Marshal(x)
			return err
		})
		switch {
		case errors.Is(err, tensorfile.ErrIndex):
			http.Error(w, err.Error(), http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			w.Write(text)
		}
	}), nil
}

// A server answers from a file of any size: it holds none of it in memory.
func Example_serve() {
	path := exampleFile()
	defer os.RemoveAll(filepath.Dir(path))
	v, err := tensor.FromSlice([]float32{0, 1, 10, 11, 20, 21}, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	if err := tensorfile.Save(path, map[string]any{"embedding": v}); err != nil {
		log.Fatal(err)
	}
	f, err := tensorfile.Open(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	h, err := rows(f, "embedding")
	if err != nil {
		log.Fatal(err)
	}
	for _, i := range []string{"2", "7", "x"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/row?i="+i, nil))
		fmt.Println(w.Code, w.Body.Len() > 0)
		if w.Code == http.StatusOK {
			fmt.Println(w.Body)
		}
	}
	// Output:
	// 200 true
	// [20,21]
	// 404 true
	// 400 true
}
