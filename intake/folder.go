package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/component"
	"github.com/perfcast/perfcast/perf"
)

// What is read of a folder at most.
const (
	maxFiles  = 10_000
	maxReport = 16 << 20 // bytes of a report
)

// Folder reads the reports (*.json) of a folder and the folders in it: what the
// benchmark scripts print, what the benchmark component writes, and rows of the
// old suite. Links are not followed; a file that is no report is skipped. The
// error is fs.ErrNotExist where there is no such folder.
func Folder(dir string) (Found, error) {
	f := Found{LeftOut: map[string]int{}}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return f, err
	}
	defer func() { _ = root.Close() }() // only read
	files := 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == ".":
			return err
		case err != nil:
			f.skip(name, err)
			return fs.SkipDir
		case d.IsDir() && strings.Contains(name, "/"): // one level and no more
			return fs.SkipDir
		case !d.Type().IsRegular() || path.Ext(name) != ".json":
			return nil
		}
		if files++; files > maxFiles {
			f.Skipped = append(f.Skipped, fmt.Sprintf("the files behind the first %d: move some into another folder", maxFiles))
			return fs.SkipAll
		}
		if err := f.file(root, name); err != nil {
			f.skip(name, err)
		}
		return nil
	})
	return f, err
}

// skip notes a file that is no report, in one line.
func (f *Found) skip(name string, err error) {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	f.Skipped = append(f.Skipped, fmt.Sprintf("%q: %s", name, line))
}

// file takes in a report.
func (f *Found) file(root *os.Root, name string) error {
	if info, err := root.Lstat(name); err != nil || !info.Mode().IsRegular() { // a pipe would wait
		return errors.Join(errors.New("it is not a file any more"), err)
	}
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(file, maxReport+1))
	if err != nil {
		return err
	}
	if len(text) > maxReport {
		return fmt.Errorf("it has more than %d MB", maxReport>>20)
	}
	if rows := rowsOf(text); rows != nil {
		for i := range rows {
			f.add(&rows[i], perf.SourceBenchmark, path.Base(name))
		}
		return nil
	}
	return f.report(text, path.Base(name))
}

// rowsOf are the rows of a file in the form of the tables, bare or as a run's
// results; none of another file.
func rowsOf(text []byte) []row {
	var run struct {
		Results json.RawMessage `json:"results"`
	}
	list := text
	if text = bytes.TrimSpace(text); bytes.HasPrefix(text, []byte("{")) {
		if json.Unmarshal(text, &run) != nil {
			return nil
		}
		list = run.Results
	}
	var rows []row
	if json.Unmarshal(list, &rows) != nil {
		return nil
	}
	for _, r := range rows {
		if r.Model == "" || r.Hardware == "" {
			return nil
		}
	}
	return rows
}

// report takes in what a benchmark script printed: all of it or, with an
// error, nothing.
func (f *Found) report(text []byte, from string) error {
	ms, err := component.ParseReport(text)
	if err != nil {
		return err
	}
	for i := range ms {
		if err := ms[i].Complete("imported"); err != nil {
			return err
		}
	}
	for i := range ms {
		m := ms[i].Measurement()
		if m.SequenceLength == 0 {
			m.SequenceLength = app.DefaultConfig().SequenceLength
		}
		f.keep(m, "", from)
	}
	return nil
}
