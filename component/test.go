package component

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
)

// testType is a kind of tests.
type testType struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// testTypes are the documented kinds of tests, which perfcast has checks of
// its own for; operators may add others by their commands.
var testTypes = []testType{
	{"basic", "the model and hardware are known, it can be predicted, and one sample fits in memory"},
	{"comprehensive", "basic, and the predictions for other batches and precisions agree with each other"},
	{"fault_tolerance", "requests that make no sense are refused, and change nothing"},
}

// testSettings are what a request for tests says besides the model.
type testSettings struct {
	Hardware several[deviceName] `json:"hardware,omitempty" maxlen:"100" doc:"platforms or devices; the CPU where it is left out" example:"[\"cpu\"]"`
	Type     word                `json:"test_type,omitempty" default:"basic" doc:"one of GET types" example:"\"basic\""`
	Timeout  *float64            `json:"timeout,omitempty" over:"0" max:"100000" doc:"s; 300 where it is left out" example:"60"`
	Save     *bool               `json:"save_results,omitempty" doc:"keep the run in the database; true where it is left out"`
	batch
}

// testRequest is the body of POST run.
type testRequest struct {
	Model modelName `json:"model_name" maxlen:"200" example:"\"bert-base-uncased\""`
	testSettings
}

// testBatchRequest is the body of POST batch.
type testBatchRequest struct {
	Models      openapi.OneOrMany[modelName] `json:"model_names" maxlen:"100" itemlen:"200" example:"[\"bert-base-uncased\",\"gpt2\"]"`
	Description *string                      `json:"description,omitempty" text:"plain" example:"\"nightly\""`
	testSettings
}

// testStarted is the answer to POST run.
type testStarted struct {
	ID string `json:"run_id"`
	started
}

// testBatchStarted is the answer to POST batch.
type testBatchStarted struct {
	Batch string   `json:"batch_id"`
	IDs   []string `json:"run_ids"`
	started
}

// test is the component that runs tests.
type test struct{ base[testStatus, testRow] }

func newTest(o Options) part {
	t := &test{newBase[testStatus, testRow](o, perf.ComponentTest, 2)}
	t.about = "Runs tests of models on hardware: the operator's commands, or checks of its own."
	t.noun, t.list, t.cancelable = "Test run", "runs", true
	t.status, t.row = t.statusOf, t.rowOf
	return t.part(append(t.batches(),
		openapi.Handle(openapi.Route{Method: "POST", Path: "/run", ID: "Run", Summary: "Run the tests of a model", Statuses: starting}, t.run),
		openapi.Handle(openapi.Route{Method: "POST", Path: "/batch", ID: "Batch", Summary: "Run the tests of several models, as a batch", Statuses: starting}, t.runBatch),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/results/{id}", ID: "Results", Summary: "What a completed run found", Statuses: unfinished}, t.results),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/runs", ID: "Runs", Summary: "The newest runs"},
			func(ctx context.Context, in listParameters) (testRuns, error) {
				rows, err := t.dbList(ctx, in)
				return testRuns{rows, len(rows)}, err
			}),
		openapi.Handle(openapi.Route{Method: "POST", Path: "/cancel/{id}", ID: "Cancel", Summary: "Cancel a run", Statuses: missing},
			func(ctx context.Context, in runID) (testCancelled, error) {
				if _, err := t.get(ctx, in); err != nil {
					return testCancelled{}, err
				}
				was, err := t.runs.cancel(ctx, in.ID)
				return testCancelled{in.ID, was}, err
			}),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/types", ID: "Types", Summary: "The types of tests that there are"}, t.types),
	)...)
}

// testRuns is the body of GET runs.
type testRuns struct {
	Runs  []testRow `json:"runs"`
	Count int       `json:"count"`
}

// testCancelled is the answer to POST cancel.
type testCancelled struct {
	ID        string `json:"run_id"`
	Cancelled bool   `json:"cancelled" doc:"whether it was going on"`
}

func (t *test) run(_ context.Context, q testRequest) (testStarted, error) {
	p := t.prepare(q)
	id, s, err := t.begin(p.run, q, p.keep, "Test run started for "+string(q.Model), p.do)
	return testStarted{id, s}, err
}

func (t *test) runBatch(ctx context.Context, in testBatchRequest) (testBatchStarted, error) {
	models := texts(&in.Models)
	id, ids, err := t.beginBatch(ctx, models, value(in.Description), func(model string, of batch) (prepared, error) {
		q := testRequest{modelName(model), in.testSettings}
		q.batch = of
		p := t.prepare(q)
		var err error
		p.run.Config, err = json.Marshal(q)
		return p, err
	})
	return testBatchStarted{id, ids, started{perf.RunInitializing, fmt.Sprintf("Test runs started for %d models", len(models)), stamp(t.runs.clock())}}, err
}

// prepare is a test run that can be started.
func (t *test) prepare(q testRequest) prepared {
	within := 300 * time.Second
	if q.Timeout != nil {
		within = time.Duration(*q.Timeout * float64(time.Second))
	}
	run := perf.Run{Model: t.canonical(string(q.Model)), Hardware: texts(q.Hardware, "cpu"), Kind: string(q.Type)}
	return prepared{run, q.Save == nil || *q.Save, func(ctx context.Context, _ string, s step) (any, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, within, errTimeout)
		defer cancel()
		return t.do(ctx, q, run.Hardware, s)
	}}
}

// testResults is what a test run found.
type testResults struct {
	testCounts
	Details []TestResult               `json:"test_details"`
	Metrics map[string]testPerformance `json:"performance_metrics"` // of the hardware that a command measured
}

// testPerformance is what a test command measured, if it reports so.
type testPerformance struct {
	Latency    *float64 `json:"latency_ms"`
	Throughput *float64 `json:"throughput_items_per_sec"`
	Memory     *float64 `json:"memory_mb"`
}

func (t *test) do(ctx context.Context, q testRequest, hardware []string, s step) (any, error) {
	commands, err := LoadCommands(t.Config)
	if err != nil {
		return nil, err
	}
	res := &testResults{Details: []TestResult{}, Metrics: map[string]testPerformance{}}
	for i, hw := range hardware {
		part := func(f float64, doing string) { s((float64(i)+f)/float64(len(hardware)), hw+": "+doing) }
		var tests []TestResult
		k := slices.IndexFunc(commands.Test, func(c Command) bool { return c.serves(hw, string(q.Type)) })
		switch {
		case k >= 0:
			tests, err = t.command(ctx, &commands.Test[k], q, hw, res, part)
		default:
			tests, err = t.check(ctx, q, hw, part)
		}
		if err != nil {
			return nil, err
		}
		for j := range tests {
			tests[j].Hardware = hw
		}
		res.Details = append(res.Details, tests...)
	}
	for _, x := range res.Details {
		switch x.Status {
		case passed:
			res.Passed++
		case failed:
			res.Failed++
		case skipped:
			res.Skipped++
		}
	}
	return res, nil
}

// command runs a test command and reads its results.
func (t *test) command(ctx context.Context, c *Command, q testRequest, hw string, res *testResults, s step) ([]TestResult, error) {
	dir, err := os.MkdirTemp("", "perfcast-test-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	report := filepath.Join(dir, "report.xml")
	argv, err := c.Expand(Values{Model: string(q.Model), BatchSize: 1, Precision: "fp32", Device: hw, Report: report})
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", c.Name, err)
	}
	s(0, "Running "+c.Name)
	o, err := c.run(ctx, argv, func(p Progress) { s(p.Fraction, p.Message) })
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", c.Name, err)
	}
	xml, err := readSmall(report)
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", c.Name, err)
	}
	if ms, err := ParseReport(o.Stdout); err == nil {
		res.Metrics[hw] = testPerformance{ms[0].Latency, ms[0].Throughput, ms[0].Memory}
	}
	return parseTests(c.Results, c.Name, o, xml)
}

// readSmall reads a regular file of at most maxOutput bytes; one that isn't
// there is empty.
func readSmall(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxOutput {
		return nil, fmt.Errorf("its report is no file of at most %d MiB", maxOutput>>20)
	}
	return os.ReadFile(path)
}

// testStatus is the body of GET status/{id}.
type testStatus struct {
	ID string `json:"run_id"`
	watched
	Type string `json:"test_type"`
}

func (t *test) statusOf(r *perf.Run) testStatus { return testStatus{r.ID, t.watched(r), r.Kind} }

// testRow is a run as the documented table has it.
type testRow struct {
	ID        string         `json:"run_id"`
	Model     string         `json:"model_name"`
	Hardware  []string       `json:"hardware"`
	Type      string         `json:"test_type"`
	Timeout   *float64       `json:"timeout"`
	Status    perf.RunStatus `json:"status"`
	Progress  float64        `json:"progress"`
	Step      string         `json:"current_step"`
	Started   *string        `json:"started_at"`
	Completed *string        `json:"completed_at"`
	Duration  *float64       `json:"duration" doc:"s"`
	Error     *string        `json:"error"`
	Batch     *string        `json:"batch_id"`
	*testCounts
}

// testCounts are the outcomes of a completed run.
type testCounts struct {
	Passed  int `json:"tests_passed"`
	Failed  int `json:"tests_failed"`
	Skipped int `json:"tests_skipped"`
}

func (t *test) rowOf(r *perf.Run, _ string) testRow {
	var q testRequest
	_ = json.Unmarshal(r.Config, &q)
	row := testRow{ID: r.ID, Model: r.Model, Hardware: r.Hardware, Type: r.Kind, Timeout: q.Timeout, Status: r.Status, Progress: r.Progress, Step: r.Step,
		Started: stamp(r.Started), Completed: stamp(r.Completed), Duration: duration(r), Error: nullable(r.Error), Batch: nullable(q.batch.ID)}
	var res testResults
	if r.Status == perf.RunCompleted && json.Unmarshal(r.Result, &res) == nil {
		row.testCounts = &res.testCounts
	}
	return row
}

// testOutcome is the body of GET results/{id}.
type testOutcome struct {
	ID        string         `json:"run_id"`
	Status    perf.RunStatus `json:"status"`
	Model     string         `json:"model_name"`
	Hardware  []string       `json:"hardware"`
	Type      string         `json:"test_type"`
	Started   *string        `json:"started_at"`
	Completed *string        `json:"completed_at"`
	Duration  *float64       `json:"duration" doc:"s"`
	Results   testResults    `json:"results"`
}

func (t *test) results(ctx context.Context, in runID) (testOutcome, error) {
	r, err := t.completed(ctx, in)
	if err != nil {
		return testOutcome{}, err
	}
	var res testResults
	err = json.Unmarshal(r.Result, &res)
	return testOutcome{r.ID, r.Status, asked(&r), r.Hardware, r.Kind, stamp(r.Started), stamp(r.Completed), duration(&r), res}, err
}

// testTypeList is the body of GET types.
type testTypeList struct {
	Types []testType `json:"types"`
	Count int        `json:"count"`
}

func (t *test) types(context.Context, openapi.None) (testTypeList, error) {
	commands, err := LoadCommands(t.Config)
	if err != nil {
		return testTypeList{}, err
	}
	list := slices.Clone(testTypes)
	for _, c := range commands.Test {
		for _, name := range c.Types {
			if !slices.ContainsFunc(list, func(x testType) bool { return x.Name == name }) {
				list = append(list, testType{name, "command " + c.Name})
			}
		}
	}
	return testTypeList{list, len(list)}, nil
}

// on is the configuration of a model on hardware that a request names by
// platform or device.
func on(model, hardware string) perf.Config {
	c := app.DefaultConfig()
	c.Model = model
	if slices.Contains(perf.RESTPlatforms, perf.Platform(hardware)) {
		c.Platform = perf.Platform(hardware)
	} else {
		c.Device = hardware
	}
	return c
}
