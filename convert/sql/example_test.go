package sql_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	tensorsql "github.com/tensorfile/tensorfile/convert/sql"
	_ "modernc.org/sqlite"
)

// The rows of a query, by any driver, as one tensor for each column.
func ExampleRead() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	if _, err := db.ExecContext(ctx, "CREATE TABLE points (x REAL, label TEXT); INSERT INTO points VALUES (0.5, 'a'), (1.5, 'b')"); err != nil {
		log.Fatal(err)
	}
	f, err := tensorsql.Read(ctx, db, "SELECT x, label FROM points WHERE x > ?", nil, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for t, err := range f.Tensors() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Name(), t.Shape())
	}
	// Output:
	// x (2,)
	// label (2,)
}
