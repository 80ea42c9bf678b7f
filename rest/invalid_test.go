package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/perfcast/perfcast/rest"
)

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// detail is the first entry of a 422 body.
func detail(t *testing.T, a answer) map[string]any {
	t.Helper()
	list, ok := a.body["detail"].([]any)
	if a.status != http.StatusUnprocessableEntity || !ok || len(list) == 0 {
		t.Fatalf("not a 422 list: %d %s", a.status, a.text)
	}
	return list[0].(map[string]any)
}

// TestInvalid: one entry as pydantic 2 would write it, naming the field.
func TestInvalid(t *testing.T) {
	s := serve(t, rest.Options{})
	const hw, perf, meas = "predict-hardware", "predict-performance", "record-measurement"
	for _, c := range []struct{ endpoint, body, kind, loc, msg string }{
		{hw, `{}`, "missing", `["body","model_name"]`, "Field required"},
		{hw, `{"model_name":5}`, "string_type", `["body","model_name"]`, "Input should be a valid string"},
		{hw, `{"model_name":null}`, "string_type", `["body","model_name"]`, "Input should be a valid string"},
		{hw, `{"model_name":""}`, "string_too_short", `["body","model_name"]`, "String should have at least 1 character"},
		{hw, `{"model_name":"  "}`, "string_pattern_mismatch", `["body","model_name"]`, ""},
		{hw, `{"model_name":"a\u0000b"}`, "string_pattern_mismatch", `["body","model_name"]`, ""},
		{hw, `{"model_name":"` + strings.Repeat("x", 10_000) + `"}`, "string_too_long", `["body","model_name"]`, "String should have at most 200 characters"},
		{hw, `{"model_name":"bert-base-uncased","precision":"fp8"}`, "enum", `["body","precision"]`, "Input should be 'fp32', 'fp16', 'int8' or 'int4'"},
		{hw, `{"model_name":"bert-base-uncased","precision":"FP16"}`, "enum", `["body","precision"]`, ""},
		{hw, `{"model_name":"bert-base-uncased","mode":"sleep"}`, "enum", `["body","mode"]`, "Input should be 'inference' or 'training'"},
		{hw, `{"model_name":"bert-base-uncased","batch_size":0}`, "greater_than_equal", `["body","batch_size"]`, "Input should be greater than or equal to 1"},
		{hw, `{"model_name":"bert-base-uncased","batch_size":-3}`, "greater_than_equal", `["body","batch_size"]`, ""},
		{hw, `{"model_name":"bert-base-uncased","batch_size":1.5}`, "int_from_float", `["body","batch_size"]`, "Input should be a valid integer, got a number with a fractional part"},
		{hw, `{"model_name":"bert-base-uncased","batch_size":"many"}`, "int_parsing", `["body","batch_size"]`, "Input should be a valid integer, unable to parse string as an integer"},
		{hw, `{"model_name":"bert-base-uncased","batch_size":[8]}`, "int_type", `["body","batch_size"]`, "Input should be a valid integer"},
		{hw, `{"model_name":"bert-base-uncased","batch_size":null}`, "int_type", `["body","batch_size"]`, ""},
		{hw, `{"model_name":"bert-base-uncased","batch_size":123456789012345678901234567890}`, "less_than_equal", `["body","batch_size"]`, ""},
		{hw, `{"model_name":"bert-base-uncased","batch_size":NaN}`, "finite_number", `["body","batch_size"]`, "Input should be a finite number"},
		{hw, `{"model_name":"bert-base-uncased","sequence_length":0}`, "greater_than_equal", `["body","sequence_length"]`, ""},
		{hw, `{"model_name":"bert-base-uncased","predict_performance":"maybe"}`, "bool_parsing", `["body","predict_performance"]`, "Input should be a valid boolean, unable to interpret input"},
		{hw, `{"model_name":"bert-base-uncased","predict_performance":[]}`, "bool_type", `["body","predict_performance"]`, "Input should be a valid boolean"},
		{hw, `{"model_name":"bert-base-uncased","available_hardware":"cuda"}`, "list_type", `["body","available_hardware"]`, "Input should be a valid list"},
		{hw, `{"model_name":"bert-base-uncased","available_hardware":["gpu"]}`, "enum", `["body","available_hardware",0]`, ""},
		{hw, `{"model_name":"no-such-model-anywhere"}`, "unknown_model", `["body","model_name"]`, ""},
		{hw, `{"model_name":"bert-base-uncased","devices":["a toaster"]}`, "unknown_device", `["body","device"]`, ""},
		{perf, `{"model_name":"bert-base-uncased"}`, "missing", `["body","hardware"]`, "Field required"},
		{perf, `{"model_name":"bert-base-uncased","hardware":"gpu"}`, "enum", `["body","hardware"]`, ""},
		{perf, `{"model_name":"bert-base-uncased","hardware":["cuda","tpu"]}`, "enum", `["body","hardware",1]`, ""},
		{perf, `{"model_name":"bert-base-uncased","hardware":{}}`, "enum", `["body","hardware"]`, ""},
		{perf, `{"model_name":"bert-base-uncasedd","hardware":["cuda","cpu"]}`, "unknown_model", `["body","model_name"]`, ""},
		{perf, `{"model_name":"bert-base-uncased","hardware":"cuda","device":"a toaster"}`, "unknown_device", `["body","device"]`, ""},
		{meas, `{"model_name":"bert-base-uncased"}`, "missing", `["body","hardware_platform"]`, ""},
		{meas, `{"model_name":"b","hardware_platform":"cuda","latency":NaN}`, "finite_number", `["body","latency"]`, "Input should be a finite number"},
		{meas, `{"model_name":"b","hardware_platform":"cuda","throughput":-Infinity}`, "finite_number", `["body","throughput"]`, ""},
		{meas, `{"model_name":"b","hardware_platform":"cuda","throughput":1e999}`, "finite_number", `["body","throughput"]`, ""},
		{meas, `{"model_name":"b","hardware_platform":"cuda","throughput":-1}`, "greater_than_equal", `["body","throughput"]`, ""},
		{meas, `{"model_name":"b","hardware_platform":"cuda","throughput":"fast"}`, "float_parsing", `["body","throughput"]`, "Input should be a valid number, unable to parse string as a number"},
		{meas, `{"model_name":"b","hardware_platform":"cuda","throughput":{}}`, "float_type", `["body","throughput"]`, "Input should be a valid number"},
		{meas, `{"model_name":"b","hardware_platform":"cuda","environment":[]}`, "dict_type", `["body","environment"]`, "Input should be a valid dictionary"},
		{meas, `{"model_name":"b","hardware_platform":"cuda","environment":{"driver":5}}`, "string_type", `["body","environment","driver"]`, ""},
		{"record-feedback", `{"recommendation_id":"x"}`, "missing", `["body","accepted"]`, ""},
		{"record-feedback", `{"recommendation_id":"x","accepted":2}`, "bool_parsing", `["body","accepted"]`, ""},
		{"store-model", `{"model_type":"t","target_metric":"m","serialized_model_path":"","hardware_platform":"cuda","features":"a"}`, "list_type", `["body","features"]`, ""},
		{"store-model", `{"model_type":"t","target_metric":"m","serialized_model_path":"","hardware_platform":"cuda","features":[],"artefact":"?"}`, "base64_decode", `["body","artefact"]`, ""},
		{"generate-matrix", `{"model_configs":[{"name":1}],"hardware_platforms":[],"batch_sizes":[]}`, "string_type", `["body","model_configs",0,"name"]`, ""},
		{"generate-matrix", `{"model_configs":["x"],"hardware_platforms":[],"batch_sizes":[]}`, "model_attributes_type", `["body","model_configs",0]`, ""},
		{"generate-matrix", `{"model_configs":[],"hardware_platforms":[],"batch_sizes":[1,0]}`, "greater_than_equal", `["body","batch_sizes",1]`, ""},
		{"generate-sample-data", `{"num_models":-1}`, "greater_than_equal", `["body","num_models"]`, ""},
		{"analyze-predictions", `{"days":"soon"}`, "int_parsing", `["body","days"]`, ""},
		{"analyze-predictions", `[]`, "model_attributes_type", `["body"]`, "Input should be a valid dictionary or object to extract fields from"},
		{"analyze-predictions", `"text"`, "model_attributes_type", `["body"]`, ""},
		{"analyze-predictions", `null`, "model_attributes_type", `["body"]`, ""},
		{"analyze-predictions", ``, "missing", `["body"]`, "Field required"},
		{"analyze-predictions", `{"days":1,}`, "json_invalid", `["body",10]`, "JSON decode error"},
		{"analyze-predictions", `{"days":1`, "json_invalid", `["body",9]`, ""},
		{"analyze-predictions", `{} {}`, "json_invalid", `["body",3]`, ""},
		{"analyze-predictions", "{\"metric\":\"\xff\"}", "json_invalid", `["body",0]`, ""},
		{"analyze-predictions", strings.Repeat("[", 100_000), "json_invalid", "", ""},
		{"analyze-predictions", strings.Repeat(`{"a":`, 5_000) + "1" + strings.Repeat("}", 5_000) + "x", "json_invalid", "", ""},
	} {
		a := s.post(c.endpoint, c.body)
		what := c.endpoint + " " + c.body[:min(len(c.body), 100)]
		if a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", what, a.status, a.text)
			continue
		}
		e := detail(t, a)
		equal(t, what+": type", e["type"], c.kind)
		if c.loc != "" {
			equal(t, what+": loc", marshal(t, e["loc"]), c.loc)
		}
		if c.msg != "" {
			equal(t, what+": msg", e["msg"], c.msg)
		}
		if len(a.text) > 2000 {
			t.Errorf("%s: echoes too much: %d bytes", what, len(a.text))
		}
	}
	// Nothing of this has left a trace.
	for _, list := range []string{"recommendations", "predictions", "measurements", "models"} {
		equal(t, list, s.get(prefix + list).body["count"], 0)
	}
}

// TestLax: what pydantic takes for a number or a boolean, we take.
func TestLax(t *testing.T) {
	s := serve(t, rest.Options{})
	for _, body := range []string{
		`{"model_name":"gpt2","batch_size":"8"}`, `{"model_name":"gpt2","batch_size":8.0}`, `{"model_name":"gpt2","batch_size":8e0}`,
	} {
		equal(t, body, s.run("predict-hardware", body)["batch_size"], 8)
	}
	for value, want := range map[string]bool{"true": true, `"yes"`: true, `"ON"`: true, "1": true, "1.0": true, "false": false, `"f"`: false, "0": false} {
		_, got := s.run("predict-hardware", `{"model_name":"gpt2","predict_performance":`+value+`}`)["performance"]
		equal(t, value, got, want)
	}
	r := s.run("record-measurement", `{"model_name":"gpt2","hardware_platform":"cuda","throughput":"12.5","environment":{"driver":"550"}}`)
	equal(t, "throughput", r["measurement"].(map[string]any)["throughput"], 12.5)
	r = s.run("predict-hardware", `{"model_name":"gpt2","unheard_of":{"a":[1]}}`)
	equal(t, "an unknown field is ignored", r["model_name"], "gpt2")
}

func TestContentTypes(t *testing.T) {
	s := serve(t, rest.Options{})
	for contentType, want := range map[string]int{
		"application/json": 200, "application/json; charset=utf-8": 200, "Application/JSON": 200, "application/merge-patch+json": 200, "": 200,
		"text/plain": 422, "application/x-www-form-urlencoded": 422, "multipart/form-data": 422, "application/xml": 422,
	} {
		var headers []string
		if contentType != "" {
			headers = []string{"Content-Type", contentType}
		}
		a := s.do("POST", prefix+"analyze-predictions", `{}`, headers...)
		equal(t, contentType, a.status, want)
		if want == 422 {
			equal(t, "type", detail(t, a)["type"], "model_attributes_type")
		}
	}
}

func TestTooLarge(t *testing.T) {
	s := serve(t, rest.Options{})
	a := s.post("record-measurement", `{"model_name":"`+strings.Repeat("x", 10<<20)+`"}`)
	if a.status != http.StatusRequestEntityTooLarge || len(a.text) > 200 {
		t.Errorf("10 MB: %d %.200s", a.status, a.text)
	}
	s.get("/health") // and the server is well
	names := strings.Repeat(`"cuda",`, 1000)
	e := detail(t, s.post("predict-hardware", `{"model_name":"gpt2","available_hardware":[`+names+`"cuda"]}`))
	equal(t, "a long list", e["type"], "too_long")
}

// TestSlowBody: a body that does not come does not hold its connection.
func TestSlowBody(t *testing.T) {
	s := serve(t, rest.Options{Patience: 100 * time.Millisecond})
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(conn, "POST %sanalyze-predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", prefix); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn) // to the end: the connection is closed
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 422") {
		t.Errorf("%v %s", err, answer)
	}
}

// TestManyErrors: the answer to a request with thousands of faults is short.
func TestManyErrors(t *testing.T) {
	s := serve(t, rest.Options{})
	a := s.post("store-model", `{"features":[`+strings.Repeat(`1,`, 900)+`1]}`)
	if n := len(a.body["detail"].([]any)); n > 50 || n < 10 {
		t.Errorf("%d entries", n)
	}
}

func TestUnknownModelSuggests(t *testing.T) {
	s := serve(t, rest.Options{})
	e := detail(t, s.post("predict-performance", `{"model_name":"bert-base-uncasd","hardware":"cuda"}`))
	names := marshal(t, e["ctx"].(map[string]any)["suggestions"])
	if !strings.Contains(names, `"bert-base-uncased"`) {
		t.Errorf("suggestions %s", names)
	}
}
