// Package viewer shows files of tensors in a browser: a page with values, heat
// maps, pictures, waves, statistics and the bytes of a file, and the server of
// its data.
//
//	s, err := viewer.New([]string{"model.tensor"}, nil)
//	if err != nil {
//		return err
//	}
//	defer s.Close()
//	l, err := net.Listen("tcp", "127.0.0.1:0")
//	...
//	fmt.Println("http://" + l.Addr().String() + s.Path())
//	err = s.Serve(l)
//
// A Server is an http.Handler too, to be mounted under any prefix by
// http.StripPrefix: all addresses in the page are relative. Whatever is imported of
// package convert and of the remote packages can be looked at.
//
// # What it costs
//
// Nothing is read before somebody looks at it, and nothing is sent that is not on
// the screen: pictures of a plane come as tiles of 256 x 256 cells, each the mean,
// the least or the greatest of 2^level x 2^level elements, or one of them. Tiles are
// reduced chunk by chunk and kept in a cache of a fixed size, and those of coarse
// levels are made of finer ones. The work of all requests together has a budget of
// memory; a request that asks for more than the limits is refused with 413, and
// one that comes when too much is going on with 429. A request that the page gives up
// ends its work.
//
// # Safety
//
// The server changes nothing and shows the files that it was given and no others.
// Every address begins with a random token; requests for another host, from the page of
// another origin, and others than GET and HEAD are refused before anything is looked
// at. The page has no inline script and asks nobody else for anything.
//
// A chunk that is damaged is marked in its place and the rest is shown; see [Damaged].
//
// # The page
//
// Its modules are in js, and static/app.js is made of them, when that is asked for, by
// go test -run '^TestBundle$' -update, and compared with them by the test.
package viewer
