package component

import (
	"strings"
	"testing"
)

func count(ts []TestResult) (p, f, s int) {
	for _, t := range ts {
		switch t.Status {
		case passed:
			p++
		case failed:
			f++
		case skipped:
			s++
		}
	}
	return
}

func TestParseTests(t *testing.T) {
	junit := `<?xml version="1.0"?><testsuites><testsuite name="a"><testsuite name="b">
<testcase classname="m" name="one" time="1,000.5"/>
<testcase classname="m" name="two"><failure message="boom">trace</failure></testcase></testsuite>
<testcase name="three"><skipped message="no gpu"/></testcase>
<testcase name="four"><error message="e"/></testcase></testsuite></testsuites>`
	gotest := `# some/package
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"x_test.go:1: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestA","Elapsed":0.5}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p","Test":"TestB","Elapsed":0.1}
{"Action":"run","Package":"p","Test":"TestC"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p"}
{"Action":"run","Package":"q","Test":"TestPanics"}
{"Action":"fail","Package":"q"}
{"Action":"output","Package":"broken","Output":"does not compile"}
{"Action":"fail","Package":"broken"}
`
	pytest := "tests/test_a.py::test_one PASSED   [ 33%]\ntests/test_a.py::test_two[a b] FAILED [ 66%]\ntests/test_a.py::test_three SKIPPED (no gpu) [100%]\n" +
		"tests/test_a.py::test_one ERROR [100%]\n==== 1 failed, 1 passed, 1 skipped, 1 error in 0.12s ====\n"
	for _, c := range []struct {
		name    string
		format  Format
		out     output
		report  string
		p, f, s int
	}{
		{"exit 0", FormatExit, output{}, "", 1, 0, 0},
		{"exit 1", FormatExit, output{Exit: 1}, "", 0, 1, 0},
		{"junit at a path", FormatJUnit, output{Exit: 1}, junit, 1, 2, 1},
		{"junit on stdout", FormatJUnit, output{Stdout: []byte(junit), Exit: 1}, "", 1, 2, 1},
		{"junit, then killed", FormatJUnit, output{Exit: 137}, `<testsuite><testcase name="a"/></testsuite>`, 1, 1, 0},
		{"no junit, and failed", FormatJUnit, output{Exit: 2}, "", 0, 1, 0},
		{"gotest", FormatGoTest, output{Stdout: []byte(gotest), Exit: 1}, "", 1, 4, 1},
		{"pytest -v", FormatPytest, output{Stdout: []byte(pytest), Exit: 1}, "", 0, 2, 1},
		{"pytest -q", FormatPytest, output{Stdout: []byte("..F\n1 failed, 2 passed, 1 skipped in 0.1s\n"), Exit: 1}, "", 2, 1, 1},
	} {
		ts, err := parseTests(c.format, "cmd", c.out, []byte(c.report))
		p, f, s := count(ts)
		if err != nil || p != c.p || f != c.f || s != c.s {
			t.Errorf("%s: %d passed, %d failed, %d skipped, %v: %+v", c.name, p, f, s, err, ts)
		}
	}
	for _, f := range []Format{FormatJUnit, FormatGoTest, FormatPytest} {
		if _, err := parseTests(f, "cmd", output{Stdout: []byte("all is well")}, nil); err == nil {
			t.Errorf("%s: results that aren't there are read", f)
		}
	}
}

func FuzzParseTests(f *testing.F) {
	f.Add("<testsuite><testcase name='a'/></testsuite>")
	f.Add(`{"Action":"run","Package":"p","Test":"T"}`)
	f.Add("a::b PASSED\n1 passed in 0.1s")
	f.Fuzz(func(t *testing.T, s string) {
		for _, format := range Formats {
			ts, err := parseTests(format, "cmd", output{Stdout: []byte(s), Exit: 1}, nil)
			if _, failures, _ := count(ts); err == nil && failures == 0 {
				t.Errorf("%s: exit status 1 is no failure: %+v", format, ts)
			}
		}
	})
}

func TestParseReport(t *testing.T) {
	ms, err := ParseReport([]byte("some words {\n{\"progress\":1,\"other\":2}\n" + `{"model":"gpt2","platform":"cpu","batch_size":2,"environment":{"cpu":"x"},
 "results":[{"case":"prefill","latency_ms":10,"latency_ms_low":9,"repeats":5,"memory_mb":100},
{"case":"decode","batch_size":4,"tpot_ms":2.5}]}` + "\n"))
	if err != nil || len(ms) != 2 || ms[0].BatchSize != 2 || ms[1].BatchSize != 4 || ms[1].Model != "gpt2" {
		t.Fatalf("%+v, %v", ms, err)
	}
	m := ms[0].Measurement()
	if *m.Latency != 0.01 || *m.Memory != 1e8 || m.Throughput != nil || m.Environment["cpu"] != "x" || m.Environment["repeats"] != "5" || m.Environment["case"] != "prefill" {
		t.Fatalf("%+v", m)
	}
	for text, want := range map[string]string{
		"":                                   "no JSON report",
		"{\"model\":\"a\"}":                  "no measurement",
		"{\"latency_ms\":-1}":                "not positive",
		"{\"latency_ms\":0}":                 "not positive",
		"{\"latency_ms\":\"fast\"}":          "not as expected",
		"{\"results\":[]}":                   "no results",
		"{\"error\":\"no onnxruntime\"}":     "no onnxruntime",
		"{\"latency_ms\":1}\ntrailing words": "no JSON report",
	} {
		if _, err := ParseReport([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseReport(f *testing.F) {
	f.Add(`{"latency_ms":1}`)
	f.Add("{\"a\":{\n{}}\n{\"results\":[{\"tpot_ms\":1e308}]}")
	f.Fuzz(func(t *testing.T, s string) {
		ms, err := ParseReport([]byte(s))
		if err == nil && len(ms) == 0 {
			t.Error("nothing is a report")
		}
		for _, m := range ms {
			if m.check() != nil {
				t.Errorf("%+v", m)
			}
		}
	})
}
