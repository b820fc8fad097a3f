package sql

import (
	"os/exec"
	"strings"
	"testing"
)

// Drivers of databases are linked by programs that import them and by no other.
func TestDrivers(t *testing.T) {
	const module = "github.com/tensorfile/tensorfile"
	list := func(args ...string) []string {
		t.Helper()
		out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(out))
	}
	looked := 0
	for _, pkg := range list(module, module+"/convert/...", module+"/loader", module+"/examples/...", module+"/remote/...") {
		sqlite, postgres := false, false
		for _, dep := range list("-deps", pkg) {
			sqlite = sqlite || strings.HasPrefix(dep, "modernc.org/")
			postgres = postgres || strings.HasPrefix(dep, "github.com/jackc/")
			if dep == "database/sql" && !strings.HasPrefix(pkg, module+"/convert/sql") {
				t.Errorf("%s links %s", pkg, dep)
			}
		}
		if sqlite != (pkg == module+"/convert/sql/sqlite") || postgres != (pkg == module+"/convert/sql/postgres") {
			t.Errorf("%s: SQLite %v, PostgreSQL %v", pkg, sqlite, postgres)
		}
		looked++
	}
	t.Logf("%d packages", looked)
	if looked < 20 {
		t.Error("too few")
	}
}
