package main

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// What docs/sql.md shows is what the tool prints. With -update it is written
// there.
func TestSQLDoc(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, "readings.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{
		"CREATE TABLE readings (sensor INTEGER, at TIMESTAMP, value REAL, valid BOOLEAN, note TEXT, raw BLOB)",
		"INSERT INTO readings VALUES (1, '2024-02-29 12:00:00', 20.5, 1, 'calm', x'00ff'), (2, '2024-02-29 12:00:01.5', NULL, 0, NULL, x''), (1, '2024-02-29 12:01:00', 21.5, 1, '', NULL)",
		"CREATE TABLE sensors (id INTEGER, name TEXT)",
		"INSERT INTO sensors VALUES (1, 'roof'), (2, 'cellar')",
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	docShows(t, "../../docs/sql.md", dir, 8)
}
