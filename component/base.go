package component

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
)

// Options are what the components are made of.
type Options struct {
	App     *app.App         // nil: runs are kept in memory, measurements go to Record
	Config  string           // configuration file whose commands may be run; may be empty
	Reports string           // folder for benchmark reports (--benchmark-dir); may be empty
	Scripts string           // folder for generated scripts; may be empty
	Now     func() time.Time // nil = time.Now
	Log     *slog.Logger     // nil = none

	// Record stores measurements where there is no App; nil = nowhere, which
	// results then say.
	Record func(context.Context, []perf.Measurement) ([]string, error)
}

// Set is the three components.
type Set struct {
	parts map[string]part
}

// part is one component.
type part struct {
	handler http.Handler
	routes  []openapi.Route
	runs    *runs
	about   string
}

// New makes the components. Commands that can't be read are an error.
func New(o Options) (*Set, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if _, err := LoadCommands(o.Config); err != nil {
		return nil, err
	}
	return &Set{map[string]part{
		"test":      newTest(o),
		"generator": newGenerator(o),
		"benchmark": newBenchmark(o),
	}}, nil
}

// Builtin are the components by the names that the gateway knows them under.
func (s *Set) Builtin() map[string]http.Handler {
	out := map[string]http.Handler{}
	for name, p := range s.parts {
		out[name] = p.handler
	}
	return out
}

// Documents are what the OpenAPI document says of each component.
func (s *Set) Documents() map[string]openapi.Document {
	out := map[string]openapi.Document{}
	for name, p := range s.parts {
		out[name] = openapi.Document{Routes: p.routes, Tags: []openapi.Tag{{Name: name, Description: p.about}}}
	}
	return out
}

// Close cancels all runs and waits for their ends.
func (s *Set) Close() {
	for _, p := range s.parts {
		p.runs.close()
	}
}

// bodyWithin is how long a client may take to send a request's body.
const bodyWithin = time.Minute

// base is what the components have in common: Status is the body of status/{id},
// Row a row of db/runs.
type base[Status, Row any] struct {
	Options
	web     openapi.Server
	runs    *runs
	sockets sockets

	about string
	noun  string // what a run is called: "Test run", "Task"
	list  string // the name of the list of runs: "runs", "tasks"

	cancelable bool // over the WebSocket
	status     func(*perf.Run) Status
	row        func(*perf.Run, string) Row // perhaps as seen from one model
}

// newBase makes what the components have in common; atOnce runs may go on
// together.
func newBase[Status, Row any](o Options, c perf.Component, atOnce int) base[Status, Row] {
	return base[Status, Row]{
		Options: o, web: openapi.Server{Log: o.Log, Patience: bodyWithin, Named: true},
		runs: newRuns(c, o.App, atOnce, o.Now, o.Log),
	}
}

// part is the component with all its routes, the common ones and its own.
func (b *base[Status, Row]) part(own ...openapi.Route) part {
	routes := append(own, b.routes()...)
	name := string(b.runs.component)
	for i := range routes {
		r := &routes[i]
		r.Tag, r.ID, r.Path = name, name+r.ID, b.prefix()+r.Path
	}
	mux := b.web.Mux(routes)
	mux.HandleFunc("GET "+b.prefix()+"/ws/{id}", b.watch)
	return part{b.web.Recovering(mux), routes, b.runs, b.about}
}

func (b *base[Status, Row]) prefix() string { return "/api/" + string(b.runs.component) }

// Statuses that routes answer with besides those that all have.
var (
	missing    = []int{http.StatusNotFound}
	unfinished = []int{http.StatusNotFound, http.StatusBadRequest}
	starting   = []int{http.StatusServiceUnavailable}
)

// RunID names a run in a path.
type runID struct {
	ID string `json:"id" in:"path" doc:"as the POST answered it"`
}

// routes are those that all components have.
func (b *base[Status, Row]) routes() []openapi.Route {
	return append([]openapi.Route{
		openapi.Handle(openapi.Route{Method: "GET", Path: "/status/{id}", ID: "Status", Summary: "How far a run is", Statuses: missing,
			Doc: "A WebSocket on " + b.prefix() + "/ws/{id} streams it."},
			func(ctx context.Context, in runID) (Status, error) {
				run, err := b.get(ctx, in)
				return b.status(&run), err
			}),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/models", ID: "Models", Summary: "The models that are known by name"}, b.models),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/hardware", ID: "Hardware", Summary: "The platforms, and the device that each stands for"}, b.hardware),
	}, b.database()...)
}

// get is a run by its id, or the documented error.
func (b *base[Status, Row]) get(ctx context.Context, in runID) (perf.Run, error) {
	run, _, err := b.runs.get(ctx, in.ID)
	if err != nil && perf.AsError(err).Code == perf.CodeNotFound {
		err = b.notFound(in.ID)
	}
	return run, err
}

// completed is get, for runs that have completed.
func (b *base[Status, Row]) completed(ctx context.Context, in runID) (perf.Run, error) {
	run, err := b.get(ctx, in)
	if err == nil && run.Status != perf.RunCompleted {
		err = &openapi.StatusError{Status: http.StatusBadRequest, Detail: fmt.Sprintf("%s %s is not completed", b.noun, run.ID)}
	}
	return run, err
}

// notFound is the documented word for an id that there is not.
func (b *base[Status, Row]) notFound(id string) error {
	return perf.NotFound("%s %s not found", b.noun, shorten(id))
}

// canonical is a model's name in the catalogue, or the caller's own.
func (b *base[Status, Row]) canonical(model string) string {
	if b.App != nil && model != "" {
		if m, err := b.App.Model(model); err == nil {
			return m.Name
		}
	}
	return model
}

// started is the answer to a POST that starts a run.
type started struct {
	Status  perf.RunStatus `json:"status"`
	Message string         `json:"message"`
	Started *string        `json:"started_at"`
}

// begin starts a run.
func (b *base[Status, Row]) begin(r perf.Run, request any, keep bool, message string, do job) (id string, s started, err error) {
	if r.Config, err = json.Marshal(request); err != nil {
		return "", s, err
	}
	r, err = b.runs.start(r, keep, do)
	return r.ID, started{perf.RunInitializing, message, stamp(r.Started)}, err
}

// knownModels is the body of GET models.
type knownModels struct {
	Models []knownModel `json:"models"`
	Count  int          `json:"count"`
}

type knownModel struct {
	Name   string  `json:"name"`
	Family string  `json:"family"`
	Params float64 `json:"parameters"`
}

// models is GET models: what the catalogue knows.
func (b *base[Status, Row]) models(context.Context, openapi.None) (knownModels, error) {
	list := []knownModel{}
	if b.App != nil {
		for _, m := range b.App.Models() {
			list = append(list, knownModel{m.Name, m.Family, float64(m.Params)})
		}
	}
	return knownModels{list, len(list)}, nil
}

// hardwareList is the body of GET hardware.
type hardwareList struct {
	Hardware []knownHardware `json:"hardware"`
	Count    int             `json:"count"`
}

type knownHardware struct {
	Name    perf.Platform `json:"name"`
	Device  *string       `json:"device" doc:"that the platform stands for"`
	Assumed bool          `json:"assumed" doc:"whether it is neither in the fleet nor found on this host"`
}

// hardware is GET hardware: the documented platforms, and the device that each
// stands for.
func (b *base[Status, Row]) hardware(context.Context, openapi.None) (hardwareList, error) {
	list := []knownHardware{}
	for _, p := range perf.RESTPlatforms {
		row := knownHardware{Name: p, Assumed: true}
		if b.App != nil {
			if d, isAssumed, err := b.App.DefaultDevice(p); err == nil {
				row.Device, row.Assumed = &d.Name, isAssumed
			}
		}
		list = append(list, row)
	}
	return hardwareList{list, len(list)}, nil
}

// asked is the model's name as the request has it.
func asked(r *perf.Run) string {
	var q struct {
		Model string `json:"model_name"`
	}
	_ = json.Unmarshal(r.Config, &q)
	return cmp.Or(q.Model, r.Model)
}

// stamp is a time as the documented API writes it: local, without a zone; nil
// for none.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	t = t.Local().Truncate(time.Microsecond)
	s := t.Format("2006-01-02T15:04:05.000000")
	if t.Nanosecond() == 0 {
		s = t.Format("2006-01-02T15:04:05")
	}
	return &s
}

// watched is how a run of one model is, as status/{id} and the WebSocket tell it.
type watched struct {
	Status   perf.RunStatus `json:"status"`
	Progress float64        `json:"progress" doc:"0 to 1"`
	Step     string         `json:"current_step"`
	Model    string         `json:"model_name"`
	Hardware []string       `json:"hardware"`
	Started  *string        `json:"started_at"`
	timing
	Error string `json:"error,omitempty" doc:"why it did not complete"`
}

func (b *base[Status, Row]) watched(r *perf.Run) watched {
	return watched{r.Status, r.Progress, r.Step, asked(r), r.Hardware, stamp(r.Started), timingOf(r, b.Now()), r.Error}
}

// timing is how long a run that goes on has taken, and the rest by its
// progress, in seconds; null when there is nothing to estimate it from.
type timing struct {
	Elapsed   float64  `json:"elapsed_time"`
	Remaining *float64 `json:"estimated_remaining_time"`
}

func timingOf(r *perf.Run, now time.Time) timing {
	rest := 0.0
	if r.Status.Done() {
		return timing{r.Completed.Sub(r.Started).Seconds(), &rest}
	}
	t := timing{Elapsed: max(0, now.Sub(r.Started).Seconds())}
	if r.Progress > 0 {
		rest = t.Elapsed * (1 - r.Progress) / r.Progress
		t.Remaining = &rest
	}
	return t
}

// duration is how long an ended run took, in seconds; nil for another.
func duration(r *perf.Run) *float64 {
	if r.Completed.IsZero() {
		return nil
	}
	d := r.Completed.Sub(r.Started).Seconds()
	return &d
}
