package component

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"time"
)

// maxReports is how many reports are listed.
const maxReports = 10_000

// reportFile is a file in the folder of benchmark reports.
type reportFile struct {
	Name     string  `json:"name"` // path below the folder
	Size     int64   `json:"size"` // bytes
	Modified *string `json:"modified"`
}

// reports is GET reports: the regular files below the benchmark folder. What
// a link points to is not in the folder, and neither listed nor served.
func (t *benchmark) reports(w http.ResponseWriter, _ *http.Request) {
	list := []reportFile{}
	root, err := t.folder()
	if err == nil && root != nil {
		defer func() { _ = root.Close() }()
		err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // unreadable, a folder, a link, a device
			}
			if len(list) >= maxReports {
				return fs.SkipAll
			}
			if info, err := d.Info(); err == nil {
				list = append(list, reportFile{name, info.Size(), stamp(info.ModTime())})
			}
			return nil
		})
	}
	if err != nil {
		writeError(w, t.Log, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"reports": list, "count": len(list)})
}

// folder opens the folder of reports so that nothing outside it can be reached
// through it; nil when there is none.
func (t *benchmark) folder() (*os.Root, error) {
	if t.Reports == "" {
		return nil, nil
	}
	root, err := os.OpenRoot(t.Reports)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return root, err
}

// report is GET reports/{name}: one file, to be shown or saved, never run.
func (t *benchmark) report(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	f, info, err := t.open(name)
	if err != nil {
		writeDetail(w, http.StatusNotFound, "Report "+shorten(name)+" not found")
		return
	}
	defer func() { _ = f.Close() }()
	kind := "application/octet-stream"
	switch ext := path.Ext(name); ext {
	case ".json", ".csv", ".txt", ".md", ".log":
		if kind = mime.TypeByExtension(ext); kind == "" || ext != ".json" {
			kind = "text/plain; charset=utf-8"
		}
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "sandbox")
	http.ServeContent(w, r, "", info.ModTime().Truncate(time.Second), f.(io.ReadSeeker))
}

var errNoReport = errors.New("no such report")

func (t *benchmark) open(name string) (fs.File, fs.FileInfo, error) {
	root, err := t.folder()
	if err != nil || root == nil || !fs.ValidPath(name) {
		return nil, nil, errNoReport
	}
	defer func() { _ = root.Close() }()
	for dir := name; dir != "."; dir = path.Dir(dir) { // no link on the way, not even to within
		if info, err := root.Lstat(dir); err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return nil, nil, errNoReport
		}
	}
	before, err := root.Lstat(name)
	if err != nil || !before.Mode().IsRegular() { // opening a pipe would wait
		return nil, nil, errNoReport
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, nil, errNoReport
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		return nil, nil, errNoReport
	}
	return f, info, nil
}

// write keeps a run's results as a report.
func (t *benchmark) write(id string, res *benchmarkResults) error {
	if t.Reports == "" {
		return nil
	}
	b, err := json.MarshalIndent(res, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(t.Reports, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(t.Reports)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	f, err := root.OpenFile(id+".json", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
