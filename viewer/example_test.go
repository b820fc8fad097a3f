package viewer_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/tensorfile/tensorfile/viewer"
)

// A program of its own shows files among other pages.
func ExampleNew() {
	path, mux := "../testdata/tour/model.npz", http.NewServeMux()
	s, err := viewer.New([]string{path}, &viewer.Options{Hosts: []string{"data.example"}})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	mux.Handle("/look/", http.StripPrefix("/look", s))
	page := "http://data.example/look" + s.Path() // for who may see the files

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", page, nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}
