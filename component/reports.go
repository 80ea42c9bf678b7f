package component

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"time"

	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
)

// maxReports is how many reports are listed.
const maxReports = 10_000

// reportFile is a file in the folder of benchmark reports.
type reportFile struct {
	Name     string  `json:"name"` // path below the folder
	Size     int64   `json:"size"` // bytes
	Modified *string `json:"modified"`
}

// reportList is the body of GET reports.
type reportList struct {
	Reports []reportFile `json:"reports"`
	Count   int          `json:"count"`
}

// reportName is a report's path below the folder.
type reportName struct {
	Name string `json:"name" in:"path" doc:"path below the folder; may hold slashes"`
}

// postedReport is the body of POST report: what a benchmark script prints. What
// its results share may stand once, at the top.
type postedReport struct {
	Measured
	Results []Measured `json:"results,omitempty" example:"[{\"case\":\"forward\",\"batch_size\":8,\"latency_ms\":41.2,\"throughput\":194.2}]"`
	Failure *string    `json:"error,omitempty" doc:"why nothing could be measured"`
}

// postedRows is the answer to POST report.
type postedRows struct {
	Results []benchmarkRow `json:"results"`
	Count   int            `json:"count"`
}

// reportRoutes are the routes of reports: files, and those that are posted.
func (t *benchmark) reportRoutes() []openapi.Route {
	return []openapi.Route{
		openapi.Handle(openapi.Route{Method: "POST", Path: "/report", ID: "Report", Summary: "Record what a benchmark measured that ran elsewhere",
			Doc: "The benchmark scripts send it with --post. What could not be recorded has no measurement_id, and a note."}, t.posted),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/reports", ID: "Reports", Summary: "The files in the folder of reports"}, t.reports),
		openapi.Raw[reportName, openapi.None](openapi.Route{Method: "GET", Path: "/reports/{name...}", ID: "ReportFile", Summary: "A file of the folder of reports",
			Statuses: missing, Media: []string{"application/json", "text/plain", "application/octet-stream"}}, t.report),
	}
}

// posted records a benchmark's report.
func (t *benchmark) posted(ctx context.Context, in postedReport) (postedRows, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return postedRows{}, err
	}
	ms, err := ParseReport(text)
	if err != nil {
		return postedRows{}, perf.Invalid("", "%v", err)
	}
	for i := range ms {
		if err := ms[i].Complete("posted"); err != nil {
			return postedRows{}, err
		}
	}
	rows := t.record(ctx, ms)
	return postedRows{rows, len(rows)}, nil
}

// reports is GET reports: the regular files below the benchmark folder. What
// a link points to is not in the folder, and neither listed nor served.
func (t *benchmark) reports(context.Context, openapi.None) (reportList, error) {
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
	return reportList{list, len(list)}, err
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
func (t *benchmark) report(w http.ResponseWriter, r *http.Request, in reportName) {
	name := in.Name
	f, info, err := t.open(name)
	if err != nil {
		t.web.Fail(w, r, "path", perf.NotFound("Report %s not found", shorten(name)))
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
