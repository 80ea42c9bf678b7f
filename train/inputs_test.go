package train

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Files are taken for what they are called, folders for what they hold.
func TestInputsOf(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"corpus/measurements.csv.gz", "corpus/operations.csv.gz", "corpus/serving_ops/a--gemm_perf.parquet", "corpus/devices.csv",
		"tables/b--gemm_perf.parquet", "mine.csv", "operations-mine.csv", "empty/readme"} {
		if err := os.MkdirAll(filepath.Dir(path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	in, err := InputsOf([]string{path("corpus"), path("tables"), path("mine.csv"), path("operations-mine.csv")})
	want := Inputs{
		Measurements: []string{path("corpus/measurements.csv.gz"), path("mine.csv")},
		Operations:   []string{path("corpus/operations.csv.gz"), path("operations-mine.csv")},
		Tables:       []string{path("corpus/serving_ops"), path("tables")},
	}
	if err != nil || !reflect.DeepEqual(in, want) {
		t.Errorf("%+v, %v", in, err)
	}
	for arg, why := range map[string]string{"empty": "holds no", "tables/b--gemm_perf.parquet": "by the folder", "nowhere.csv": "no such file"} {
		if _, err := InputsOf([]string{path(arg)}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", arg, err)
		}
	}
	if in, _ := InputsOf([]string{path("tables")}); in.measured() == nil {
		t.Error("tables are taken for measurements")
	}
}
