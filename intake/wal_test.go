package intake

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
)

// A writer that crashed left its last rows in the log beside the file.
func TestLogOfACrash(t *testing.T) {
	dir := t.TempDir()
	live, crashed := filepath.Join(dir, "live.duckdb"), filepath.Join(dir, "crashed.duckdb")
	d, err := sql.Open("duckdb", live)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if _, err := d.Exec(oldSchema); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", ".wal"} {
		text, err := os.ReadFile(live + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(crashed+suffix, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if f := database(t, crashed); len(f.Measurements) != 6 {
		t.Errorf("%d results, want all 6", len(f.Measurements))
	}
	if info, err := os.Stat(crashed + ".wal"); err != nil || info.Size() == 0 {
		t.Errorf("the log was touched: %v", err)
	}
}
