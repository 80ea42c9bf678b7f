package component

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/bench"
	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
)

// generatorSettings are what a request for scripts says besides the model.
type generatorSettings struct {
	Hardware  several[deviceName] `json:"hardware,omitempty" maxlen:"100" doc:"platforms or devices; the CPU where it is left out" example:"[\"cpu\"]"`
	OutputDir *string             `json:"output_dir,omitempty" doc:"folder below the operator's folder of scripts"`
	Force     *bool               `json:"force,omitempty" doc:"replace a script that is there"`
	Template  string              `json:"template_type,omitempty" default:"pytorch" doc:"one of GET templates" example:"\"onnxruntime\""`
	Context   *generatorContext   `json:"template_context,omitempty"`
	Task      *string             `json:"task,omitempty" doc:"training; anything else is inference"`
	FixSyntax *bool               `json:"fix_syntax,omitempty" doc:"accepted; the scripts need no fixing"`
	batch
}

// generatorContext is what of a request's context a script can use.
type generatorContext struct {
	BatchSize int  `json:"batch_size,omitempty" default:"1" min:"1" max:"10000000" example:"8"`
	Sequence  int  `json:"sequence_length,omitempty" default:"128" min:"1" max:"10000000"`
	Output    int  `json:"output_length,omitempty" default:"32" min:"1" max:"10000000"`
	Repeats   int  `json:"repeats,omitempty" default:"20" min:"1" max:"10000000"`
	Precision word `json:"precision,omitempty" default:"fp32"`
}

// context is what the script is asked to measure.
func (q *generatorSettings) context() generatorContext {
	if q.Context == nil {
		return generatorContext{BatchSize: 1, Sequence: 128, Output: 32, Repeats: 20, Precision: "fp32"}
	}
	return *q.Context
}

// generatorRequest is the body of POST model.
type generatorRequest struct {
	Model modelName `json:"model_name" maxlen:"200" example:"\"bert-base-uncased\""`
	generatorSettings
}

// generatorBatchRequest is what POST batch takes: the names in the body, the
// rest there or in the query.
type generatorBatchRequest struct {
	Models      openapi.OneOrMany[modelName] `json:"model_names" maxlen:"100" itemlen:"200" example:"[\"bert-base-uncased\",\"gpt2\"]"`
	Description *string                      `json:"description,omitempty" text:"plain"`
	generatorSettings

	QueryTemplate  *string `json:"template_type,omitempty" in:"query"`
	QueryTask      *string `json:"task,omitempty" in:"query"`
	QueryOutputDir *string `json:"output_dir,omitempty" in:"query"`
	QueryForce     *bool   `json:"force,omitempty" in:"query"`
}

// generatorStarted is the answer to POST model.
type generatorStarted struct {
	ID string `json:"task_id"`
	started
}

// generatorBatchStarted is the answer to POST batch.
type generatorBatchStarted struct {
	Batch string   `json:"batch_id"`
	ID    string   `json:"task_id" doc:"the first"`
	IDs   []string `json:"task_ids"`
	started
}

// generator is the component that writes benchmark scripts.
type generator struct {
	base[generatorStatus, generatorRow]
}

func newGenerator(o Options) part {
	t := &generator{newBase[generatorStatus, generatorRow](o, perf.ComponentGenerator, 4)}
	t.about = "Writes benchmark scripts that post their results back."
	t.noun, t.list = "Task", "tasks"
	t.status, t.row = t.statusOf, t.rowOf
	return t.part(append(t.batches(),
		openapi.HandleRequest(openapi.Route{Method: "POST", Path: "/model", ID: "Model", Statuses: starting,
			Summary: "Write a benchmark script for a model", Doc: "The script posts its result back to where this request went."}, t.one),
		openapi.HandleRequest(openapi.Route{Method: "POST", Path: "/batch", ID: "Batch", Statuses: starting,
			Summary: "Write benchmark scripts for several models, as a batch"}, t.several),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/result/{id}", ID: "Result", Summary: "What a completed task wrote", Statuses: unfinished}, t.result),
		openapi.Raw[generatorFile, openapi.None](openapi.Route{Method: "GET", Path: "/file/{id}", ID: "File", Summary: "The script", Statuses: unfinished,
			Media: []string{"text/x-python"}}, t.file),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/templates", ID: "Templates", Summary: "The kinds of scripts that there are"}, t.templates),
	)...)
}

func (t *generator) one(r *http.Request, q generatorRequest) (generatorStarted, error) {
	p, err := t.prepare(q, serverOf(r))
	if err != nil {
		return generatorStarted{}, err
	}
	id, s, err := t.begin(p.run, q, true, "Generation started for "+string(q.Model), p.do)
	return generatorStarted{id, s}, err
}

func (t *generator) several(r *http.Request, in generatorBatchRequest) (generatorBatchStarted, error) {
	settings, models := in.generatorSettings, texts(&in.Models)
	settings.Template, settings.Task = value(cmp.Or(in.QueryTemplate, &settings.Template)), cmp.Or(settings.Task, in.QueryTask)
	settings.OutputDir, settings.Force = cmp.Or(settings.OutputDir, in.QueryOutputDir), cmp.Or(settings.Force, in.QueryForce)
	id, ids, err := t.beginBatch(r.Context(), models, value(in.Description), func(model string, of batch) (prepared, error) {
		q := generatorRequest{modelName(model), settings}
		q.batch = of
		p, err := t.prepare(q, serverOf(r))
		if err == nil {
			p.run.Config, err = json.Marshal(q)
		}
		return p, err
	})
	if err != nil {
		return generatorBatchStarted{}, err
	}
	return generatorBatchStarted{id, ids[0], ids,
		started{perf.RunInitializing, fmt.Sprintf("Generation started for %d models", len(ids)), stamp(t.runs.clock())}}, nil
}

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?$`)

// serverOf is where a request went, and a script's result goes. What is no
// host does not get into a script.
func serverOf(r *http.Request) string {
	switch {
	case !hostPattern.MatchString(r.Host):
		return "http://localhost:8080"
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// prepare is a task that can be started.
func (t *generator) prepare(q generatorRequest, server string) (prepared, error) {
	if _, ok := bench.Find(q.Template); !ok {
		return prepared{}, perf.Invalid("template_type", "%q is none of %s", shorten(q.Template), strings.Join(bench.Names(), ", "))
	}
	if dir := value(q.OutputDir); dir != "" && (!filepath.IsLocal(dir) || strings.ContainsFunc(dir, func(r rune) bool { return r < ' ' || r == 0x7f })) {
		return prepared{}, perf.Invalid("output_dir", "must be a folder below the server's own folder of scripts, such as results/bert")
	}
	run := perf.Run{Model: t.canonical(string(q.Model)), Hardware: texts(q.Hardware, "cpu"), Kind: q.Template}
	return prepared{run, true, func(_ context.Context, _ string, s step) (any, error) { return t.do(q, server, s) }}, nil
}

// templateList is the body of GET templates.
type templateList struct {
	Templates []knownTemplate `json:"templates"`
	Count     int             `json:"count"`
}

type knownTemplate struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Requires    string `json:"requires" doc:"what has to be installed where it runs"`
}

func (t *generator) templates(context.Context, openapi.None) (templateList, error) {
	list := make([]knownTemplate, len(bench.Templates))
	for i, x := range bench.Templates {
		list[i] = knownTemplate{x.Name, x.Description, x.Requires}
	}
	return templateList{list, len(list)}, nil
}

// generatorStatus is the body of GET status/{id}.
type generatorStatus struct {
	ID string `json:"task_id"`
	watched
}

func (t *generator) statusOf(r *perf.Run) generatorStatus { return generatorStatus{r.ID, t.watched(r)} }

// generatorRow is a task as the documented table has it.
type generatorRow struct {
	ID           string         `json:"task_id"`
	Model        string         `json:"model_name"`
	Hardware     []string       `json:"hardware"`
	Status       perf.RunStatus `json:"status"`
	Progress     float64        `json:"progress"`
	Template     string         `json:"template_type"`
	OutputDir    *string        `json:"output_dir"`
	OutputFile   *string        `json:"output_file"`
	Started      *string        `json:"started_at"`
	Completed    *string        `json:"completed_at"`
	Duration     *float64       `json:"duration" doc:"s"`
	Error        *string        `json:"error"`
	Architecture *string        `json:"architecture"`
	TaskType     string         `json:"task_type" doc:"single or batch"`
	Batch        *string        `json:"batch_id"`
}

func (t *generator) rowOf(r *perf.Run, _ string) generatorRow {
	var q generatorRequest
	var res generatorResult
	_ = json.Unmarshal(r.Config, &q)
	_ = json.Unmarshal(r.Result, &res)
	row := generatorRow{ID: r.ID, Model: r.Model, Hardware: r.Hardware, Status: r.Status, Progress: r.Progress, Template: r.Kind, OutputDir: q.OutputDir,
		Started: stamp(r.Started), Completed: stamp(r.Completed), Duration: duration(r), Error: nullable(r.Error),
		Architecture: nullable(res.Architecture), TaskType: "single", Batch: nullable(q.batch.ID)}
	if row.Batch != nil {
		row.TaskType = "batch"
	}
	if len(res.Files) > 0 {
		row.OutputFile = &res.Files[0].Name
	}
	return row
}

// generatorOutcome is the body of GET result/{id}.
type generatorOutcome struct {
	ID           string          `json:"task_id"`
	Status       perf.RunStatus  `json:"status"`
	Model        string          `json:"model_name"`
	Hardware     []string        `json:"hardware"`
	Template     string          `json:"template_type"`
	Architecture *string         `json:"architecture"`
	Requires     string          `json:"requires" doc:"what has to be installed where it runs"`
	Files        []generatedFile `json:"files"`
	OutputFile   *string         `json:"output_file"`
	Started      *string         `json:"started_at"`
	Completed    *string         `json:"completed_at"`
	Duration     *float64        `json:"duration" doc:"s"`
}

func (t *generator) result(ctx context.Context, in runID) (generatorOutcome, error) {
	r, err := t.completed(ctx, in)
	if err != nil {
		return generatorOutcome{}, err
	}
	res := generatorResult{Files: []generatedFile{}}
	err = json.Unmarshal(r.Result, &res)
	for i := range res.Files {
		res.Files[i].Content = "" // file/{id} has it
	}
	body := generatorOutcome{ID: r.ID, Status: r.Status, Model: asked(&r), Hardware: r.Hardware, Template: res.Template, Architecture: nullable(res.Architecture),
		Requires: res.Requires, Files: res.Files, Started: stamp(r.Started), Completed: stamp(r.Completed), Duration: duration(&r)}
	if len(res.Files) > 0 {
		body.OutputFile = nullable(cmp.Or(res.Files[0].Path, res.Files[0].Name))
	}
	return body, err
}

// generatorFile chooses a script.
type generatorFile struct {
	runID
	Hardware string `json:"hardware,omitempty" in:"query" doc:"where the task was asked for several"`
}

// file is GET file/{id}: the script, of one piece of hardware if several were
// asked for.
func (t *generator) file(w http.ResponseWriter, r *http.Request, in generatorFile) {
	run, err := t.completed(r.Context(), in.runID)
	if err != nil {
		t.web.Fail(w, r, "path", err)
		return
	}
	var res generatorResult
	_ = json.Unmarshal(run.Result, &res)
	i := slices.IndexFunc(res.Files, func(f generatedFile) bool { return in.Hardware == "" || f.Hardware == in.Hardware })
	if i < 0 {
		t.web.Fail(w, r, "query", perf.NotFound("The task has no file for %s", shorten(in.Hardware)))
		return
	}
	w.Header().Set("Content-Type", "text/x-python; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Disposition", `attachment; filename="`+res.Files[i].Name+`"`)
	_, _ = w.Write([]byte(res.Files[i].Content))
}
