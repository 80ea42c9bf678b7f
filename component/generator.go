package component

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/bench"
	"github.com/perfcast/perfcast/perf"
)

// generatorRequest is the body of POST /api/generator/model.
type generatorRequest struct {
	Model     string          `json:"model_name"`
	Hardware  texts           `json:"hardware"`
	OutputDir string          `json:"output_dir,omitempty"` // below the operator's folder of scripts
	Force     bool            `json:"force"`                // replace a script that is there
	Template  string          `json:"template_type"`
	Context   json.RawMessage `json:"template_context,omitempty"` // batch_size, sequence_length, output_length, precision, repeats
	Task      string          `json:"task,omitempty"`             // training, or anything else for inference
	FixSyntax *bool           `json:"fix_syntax,omitempty"`       // accepted; the scripts need no fixing
	Batch     string          `json:"batch_id,omitempty"`

	server string // where the script posts its result
}

// generatorContext is what of a request's context a script can use.
type generatorContext struct {
	BatchSize int    `json:"batch_size"`
	Sequence  int    `json:"sequence_length"`
	Output    int    `json:"output_length"`
	Repeats   int    `json:"repeats"`
	Precision string `json:"precision"`
}

// generatedFile is a script for one piece of hardware.
type generatedFile struct {
	Name     string `json:"name"`
	Hardware string `json:"hardware"`
	Path     string `json:"path,omitempty"` // below the operator's folder; empty when it was not written there
	Content  string `json:"content,omitempty"`
}

// generatorResult is what a generator task ends with.
type generatorResult struct {
	Template     string          `json:"template_type"`
	Architecture string          `json:"architecture"` // of the model, when the catalogue knows it
	Requires     string          `json:"requires"`
	Files        []generatedFile `json:"files"`
}

// generator is the component that writes benchmark scripts.
type generator struct{ *base }

func newGenerator(b *base) http.Handler {
	t := &generator{b}
	b.noun, b.id, b.list = "Task", "task_id", "tasks"
	b.status, b.row = t.statusOf, t.rowOf
	mux := http.NewServeMux()
	b.routes(mux)
	mux.HandleFunc("POST /api/generator/model", t.one)
	mux.HandleFunc("POST /api/generator/batch", t.batch)
	mux.HandleFunc("GET /api/generator/result/{id}", b.completed(t.result))
	mux.HandleFunc("GET /api/generator/file/{id}", b.completed(t.file))
	mux.HandleFunc("GET /api/generator/templates", func(w http.ResponseWriter, _ *http.Request) {
		list := []map[string]any{}
		for _, x := range bench.Templates {
			list = append(list, map[string]any{"name": x.Name, "description": x.Description, "requires": x.Requires})
		}
		writeJSON(w, http.StatusOK, map[string]any{"templates": list, "count": len(list)})
	})
	mux.HandleFunc("GET /api/generator/hardware", b.hardware)
	mux.HandleFunc("GET /api/generator/models", b.models)
	mux.HandleFunc("GET /api/generator/db/batches", t.dbBatches)
	mux.HandleFunc("GET /api/generator/db/batch/{batch}", t.dbBatch)
	return mux
}

func (t *generator) one(w http.ResponseWriter, r *http.Request) {
	var q generatorRequest
	if !decode(w, r, &q) {
		return
	}
	run, c, err := t.accept(&q, r)
	if err != nil {
		writeError(w, t.Log, err)
		return
	}
	t.begin(w, run, q, true, "Generation started for "+q.Model, func(_ context.Context, _ string, s step) (any, error) { return t.do(q, c, s) })
}

// batch is POST batch: one task for each model. The names are in the body, the
// rest may be there or in the query.
func (t *generator) batch(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Models texts `json:"model_names"`
		generatorRequest
	}
	if !decode(w, r, &q) {
		return
	}
	p := r.URL.Query()
	q.Template, q.Task, q.OutputDir = cmp.Or(q.Template, p.Get("template_type")), cmp.Or(q.Task, p.Get("task")), cmp.Or(q.OutputDir, p.Get("output_dir"))
	q.Force = q.Force || p.Get("force") == "true"
	if q.Models = unique(append(q.Models, q.Model)); len(q.Models) == 0 || len(q.Models) > maxWaiting {
		writeError(w, t.Log, perf.Invalid("model_names", "must be 1 to %d names", maxWaiting))
		return
	}
	type started struct {
		q generatorRequest
		r perf.Run
		c generatorContext
	}
	all, id := []started{}, uuid.NewString()
	for _, name := range q.Models { // all are checked before the first begins
		one := q.generatorRequest
		one.Model, one.Batch = name, id
		run, c, err := t.accept(&one, r)
		if err == nil {
			run.Config, err = json.Marshal(one)
		}
		if err != nil {
			writeError(w, t.Log, err)
			return
		}
		all = append(all, started{one, run, c})
	}
	ids := []string{}
	for _, x := range all {
		run, err := t.runs.start(x.r, true, func(_ context.Context, _ string, s step) (any, error) { return t.do(x.q, x.c, s) })
		if err != nil {
			writeError(w, t.Log, err)
			return
		}
		ids = append(ids, run.ID)
	}
	writeJSON(w, http.StatusOK, map[string]any{"batch_id": id, "task_id": ids[0], "task_ids": ids, "status": perf.RunInitializing,
		"message": fmt.Sprintf("Generation started for %d models", len(ids)), "started_at": stamp(t.runs.clock())})
}

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`)

// accept checks a request and fills in what it leaves open.
func (t *generator) accept(q *generatorRequest, r *http.Request) (perf.Run, generatorContext, error) {
	c := generatorContext{BatchSize: 1, Sequence: 128, Output: 32, Repeats: 20, Precision: "fp32"}
	if q.Hardware = unique(q.Hardware); len(q.Hardware) == 0 {
		q.Hardware = texts{"cpu"}
	}
	q.Template = cmp.Or(q.Template, bench.Templates[0].Name)
	if len(q.Context) > 0 && string(q.Context) != "null" && json.Unmarshal(q.Context, &c) != nil {
		return perf.Run{}, c, perf.Invalid("template_context", "may hold batch_size, sequence_length, output_length and repeats (numbers) and precision")
	}
	if _, ok := bench.Find(q.Template); !ok {
		return perf.Run{}, c, perf.Invalid("template_type", "%q is none of %s", shorten(q.Template), strings.Join(bench.Names(), ", "))
	}
	for _, x := range []struct {
		field, kind string
		values      []string
	}{{"model_name", "model", []string{q.Model}}, {"hardware", "device", q.Hardware}, {"template_context", "precision", []string{c.Precision}}} {
		if err := checkNames(x.field, x.kind, x.values...); err != nil {
			return perf.Run{}, c, err
		}
	}
	if min(c.BatchSize, c.Sequence, c.Output, c.Repeats) < 1 || max(c.BatchSize, c.Sequence, c.Output, c.Repeats) > 10_000_000 {
		return perf.Run{}, c, perf.Invalid("template_context", "its numbers must be 1 to 10000000")
	}
	if q.OutputDir != "" && (!filepath.IsLocal(q.OutputDir) || strings.ContainsFunc(q.OutputDir, func(r rune) bool { return r < ' ' || r == 0x7f })) {
		return perf.Run{}, c, perf.Invalid("output_dir", "must be a folder below the server's own folder of scripts, such as results/bert")
	}
	q.server = "http://localhost:8080"
	if hostPattern.MatchString(r.Host) {
		q.server = "http://" + r.Host
		if r.TLS != nil {
			q.server = "https://" + r.Host
		}
	}
	return perf.Run{Model: t.canonical(q.Model), Hardware: q.Hardware, Kind: q.Template}, c, nil
}

var fileUnsafe = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

func (t *generator) do(q generatorRequest, c generatorContext, s step) (any, error) {
	template, _ := bench.Find(q.Template)
	res := generatorResult{Template: template.Name, Requires: template.Requires}
	var facts *perf.Model
	if t.App != nil {
		if m, err := t.App.Model(q.Model); err == nil {
			facts = m
			res.Architecture = m.Architecture
		}
	}
	for i, hw := range q.Hardware {
		s(float64(i)/float64(len(q.Hardware)), "Writing the script for "+hw)
		args := []string{"--model", q.Model, "--device", hw, "--batch-size", strconv.Itoa(c.BatchSize), "--sequence-length", strconv.Itoa(c.Sequence),
			"--output-length", strconv.Itoa(c.Output), "--precision", c.Precision, "--repeats", strconv.Itoa(c.Repeats), "--post", q.server}
		if config := configOf(facts); config != "" && (q.Template == "pytorch" || q.Template == "onnxruntime") {
			args = append(args, "--config-json", config)
		}
		if q.Template == "pytorch" && q.Task == string(perf.Training) {
			args = append(args, "--mode", "training")
		}
		text, err := template.Script(fmt.Sprintf("Measures %s on %s with %s and posts the result to %s.", q.Model, hw, template.Name, q.server), args)
		if err != nil {
			return nil, err
		}
		f := generatedFile{Name: "bench_" + fileUnsafe.ReplaceAllString(q.Model+"_"+hw+"_"+template.Name, "_") + ".py", Hardware: hw, Content: text}
		if err := t.write(&f, q); err != nil {
			return nil, err
		}
		res.Files = append(res.Files, f)
	}
	return res, nil
}

// write puts a script into the operator's folder, if there is one; through a
// root that no name and no link leads out of.
func (t *generator) write(f *generatedFile, q generatorRequest) error {
	if t.Scripts == "" {
		return nil
	}
	if err := os.MkdirAll(t.Scripts, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(t.Scripts)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	f.Path = path.Join(filepath.ToSlash(q.OutputDir), f.Name)
	if err := root.MkdirAll(path.Dir(f.Path), 0o755); err != nil {
		return err
	}
	if q.Force {
		if err := root.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	file, err := root.OpenFile(f.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: ask with force to replace it", f.Path)
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(f.Content)
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}

// configOf is a transformer's facts in the words of a config.json, so that its
// shape can be built without asking any hub; empty for other models, and for
// those whose layers aren't known.
func configOf(m *perf.Model) string {
	if m == nil || m.Layers == 0 || m.Hidden == 0 || m.Heads == 0 || m.Experts > 0 {
		return ""
	}
	kind := map[string]string{"encoder": "bert", "decoder": "gpt2", "vit": "vit"}[m.Kind]
	if m.Kind == "decoder" && m.GatedMLP {
		kind = "llama"
	}
	if kind == "" {
		return ""
	}
	c := map[string]any{"model_type": kind, "hidden_size": m.Hidden, "num_hidden_layers": m.Layers, "num_attention_heads": m.Heads}
	for name, n := range map[string]int{"intermediate_size": m.Intermediate, "num_key_value_heads": m.KVHeads, "head_dim": m.HeadDim, "vocab_size": m.Vocab,
		"max_position_embeddings": m.MaxPosition, "image_size": m.ImageSize, "patch_size": m.Patch} {
		if n > 0 {
			c[name] = n
		}
	}
	b, err := json.Marshal(c) // keys in order: the same model, the same script
	if err != nil {
		return ""
	}
	return string(b)
}

func (t *generator) statusOf(r *perf.Run) any {
	spent, rest := elapsed(r, t.Now())
	m := map[string]any{"task_id": r.ID, "status": r.Status, "progress": r.Progress, "current_step": r.Step, "model_name": asked(r), "hardware": r.Hardware,
		"started_at": stamp(r.Started), "elapsed_time": spent, "estimated_remaining_time": rest}
	if r.Error != "" {
		m["error"] = r.Error
	}
	return m
}

func (t *generator) rowOf(r *perf.Run, _ string) any {
	var q generatorRequest
	var res generatorResult
	_ = json.Unmarshal(r.Config, &q)
	_ = json.Unmarshal(r.Result, &res)
	m := map[string]any{"task_id": r.ID, "model_name": r.Model, "hardware": r.Hardware, "status": r.Status, "progress": r.Progress, "template_type": r.Kind,
		"output_dir": nullable(q.OutputDir), "output_file": nil, "started_at": stamp(r.Started), "completed_at": stamp(r.Completed), "duration": duration(r),
		"error": nullable(r.Error), "architecture": nullable(res.Architecture), "task_type": "single", "batch_id": nullable(q.Batch)}
	if q.Batch != "" {
		m["task_type"] = "batch"
	}
	if len(res.Files) > 0 {
		m["output_file"] = res.Files[0].Name
	}
	return m
}

func (t *generator) result(w http.ResponseWriter, _ *http.Request, r *perf.Run) {
	var res generatorResult
	_ = json.Unmarshal(r.Result, &res)
	for i := range res.Files {
		res.Files[i].Content = "" // file/{id} has it
	}
	body := map[string]any{"task_id": r.ID, "status": r.Status, "model_name": asked(r), "hardware": r.Hardware, "template_type": res.Template,
		"architecture": nullable(res.Architecture), "requires": res.Requires, "files": res.Files, "output_file": nil,
		"started_at": stamp(r.Started), "completed_at": stamp(r.Completed), "duration": duration(r)}
	if len(res.Files) > 0 {
		body["output_file"] = cmp.Or(res.Files[0].Path, res.Files[0].Name)
	}
	writeJSON(w, http.StatusOK, body)
}

// file is GET file/{id}: the script, of one piece of hardware if several were
// asked for.
func (t *generator) file(w http.ResponseWriter, r *http.Request, run *perf.Run) {
	var res generatorResult
	_ = json.Unmarshal(run.Result, &res)
	hw := r.URL.Query().Get("hardware")
	i := slices.IndexFunc(res.Files, func(f generatedFile) bool { return hw == "" || f.Hardware == hw })
	if i < 0 {
		writeDetail(w, http.StatusNotFound, "The task has no file for "+shorten(hw))
		return
	}
	w.Header().Set("Content-Type", "text/x-python; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Disposition", `attachment; filename="`+res.Files[i].Name+`"`)
	_, _ = w.Write([]byte(res.Files[i].Content))
}

// batches sums up the tasks that belong together.
func (t *generator) batches(ctx context.Context, id string) ([]map[string]any, map[string][]perf.Run, error) {
	f := filter{text: `"batch_id":"` + id, limit: app.MaxLimit}
	list, err := t.runs.list(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	order, by := []string{}, map[string][]perf.Run{}
	for _, r := range list {
		var q generatorRequest
		if json.Unmarshal(r.Config, &q) != nil || q.Batch == "" || id != "" && q.Batch != id {
			continue
		}
		if by[q.Batch] == nil {
			order = append(order, q.Batch)
		}
		by[q.Batch] = append(by[q.Batch], r)
	}
	rows := []map[string]any{}
	for _, b := range order {
		status, first := perf.RunCompleted, by[b][0].Started
		for _, r := range by[b] {
			if r.Started.Before(first) {
				first = r.Started
			}
			if r.Status != perf.RunCompleted && (status == perf.RunCompleted || !r.Status.Done()) {
				status = r.Status
			}
		}
		rows = append(rows, map[string]any{"batch_id": b, "task_count": len(by[b]), "status": status, "started_at": stamp(first)})
	}
	return rows, by, nil
}

func (t *generator) dbBatches(w http.ResponseWriter, r *http.Request) {
	rows, _, err := t.batches(r.Context(), "")
	if err != nil {
		writeError(w, t.Log, err)
		return
	}
	writeJSON(w, http.StatusOK, rows)
}

func (t *generator) dbBatch(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("batch")
	if _, err := uuid.Parse(id); err != nil {
		writeDetail(w, http.StatusNotFound, "Batch "+shorten(id)+" not found")
		return
	}
	rows, by, err := t.batches(r.Context(), id)
	if err != nil {
		writeError(w, t.Log, err)
		return
	}
	if len(rows) == 0 {
		writeDetail(w, http.StatusNotFound, "Batch "+id+" not found")
		return
	}
	rows[0]["tasks"] = t.rows(by[id], filter{})
	writeJSON(w, http.StatusOK, rows[0])
}
