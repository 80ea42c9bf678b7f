package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// bodies are the request schemas of the document, by path.
func bodies(t testing.TB) map[string]*jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI(routes())))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]*jsonschema.Schema{}
	for _, r := range routes() {
		if r.method == http.MethodPost {
			if out[r.path], err = c.Compile("openapi.json#/components/schemas/" + r.request.name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

// hardNumber matches numbers that float64 and exact arithmetic may judge
// differently.
var hardNumber = regexp.MustCompile(`[0-9.]{16}|[0-9][eE]`)

// FuzzDecode: the decoder never panics, takes exactly what the document says it
// takes, and never echoes much.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"model_name":"bert-base-uncased","batch_size":"8","hardware":"cuda","precision":"fp16","mode":"training"}`,
		`{"model_name":"b","hardware":["cuda","cpu"],"sequence_length":1.0,"model_family":null,"predict_performance":"Yes","available_hardware":[]}`,
		`{"model_name":"b","hardware_platform":"cpu","throughput":"0.5","latency":0,"memory_usage":NaN,"environment":{"a":"b"},"source":"x"}`,
		`{"model_name":"b","hardware_platform":"cpu","throughput":-0.0,"latency":"-0","ttft_ms":"000.5","days":"-0"}`,
		`{"recommendation_id":" x ","accepted":"off","feedback":"é\ud83d\ude00\u0007"}`,
		`{"model_type":"t","target_metric":"m","serialized_model_path":"","hardware_platform":"qnn","features":[""],"training_score":-1e3,"artefact":"QUI="}`,
		`{"model_configs":[{"name":"a","category":null}],"hardware_platforms":["cpu"],"batch_sizes":["1",2],"precision_options":[]}`,
		`{"num_models":"1000000"}`, `{"days":-100000,"metric":""}`, `[1,2`, `{"a":Infinity,"b":-Infinity}`, "{\"model_name\":\"\xff\"}", `{"model_name":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	schemas := bodies(f)
	table := routes()
	f.Fuzz(func(t *testing.T, body []byte) {
		comparable := json.Valid(body) && utf8.Valid(body) && !hardNumber.Match(body)
		var v any
		if comparable {
			var err error
			if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(body)); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range table {
			if r.method != http.MethodPost {
				continue
			}
			var d decoder
			d.body(r.request, body, "application/json", r.fresh())
			if text, err := json.Marshal(HTTPValidationError{d.errs}); err != nil || len(text) > 50_000 {
				t.Fatalf("errors of %d bytes: %v", len(text), err)
			}
			if !comparable {
				continue
			}
			if err := schemas[r.path].Validate(v); (err == nil) != (len(d.errs) == 0) {
				t.Errorf("%s %s: the document says %v, the decoder %v", r.path, body, err, d.errs)
			}
		}
	})
}

// TestDefaults: a request that says nothing gets the documented defaults.
func TestDefaults(t *testing.T) {
	var d decoder
	var r struct {
		PredictPerformanceRequest
		GenerateMatrixRequest
		GenerateSampleDataRequest
		FeatureImportanceParameters
	}
	v := reflect.ValueOf(&r).Elem()
	for i, body := range []string{`{"model_name":"b","hardware":"cpu"}`, `{"model_configs":[],"hardware_platforms":[],"batch_sizes":[]}`, `{}`, `{}`} {
		d.body(shapeOf(v.Field(i).Type()).bound(defaultMaxText), []byte(body), "", v.Field(i))
	}
	if len(d.errs) > 0 {
		t.Fatal(d.errs)
	}
	got, _ := json.Marshal([]any{r.Configuration.BatchSize, r.SequenceLength, r.Configuration.Mode, r.Configuration.Precision, r.PrecisionOptions, r.NumModels, r.Limit})
	if want := `[1,128,"inference","fp32",["fp32"],5,100]`; string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestPanic: a fault of ours is logged with its stack and answered without a
// word about it.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	h := handler{log: slog.New(slog.NewTextHandler(&log, nil))}
	s := httptest.NewServer(h.recovering(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the secret") })))
	defer s.Close()
	r, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, _ := io.ReadAll(r.Body)
	if r.StatusCode != 500 || string(body) != "Internal Server Error" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%d %s %s", r.StatusCode, r.Header.Get("Content-Type"), body)
	}
	if !strings.Contains(log.String(), "the secret") {
		t.Errorf("log: %s", log.String())
	}
}
