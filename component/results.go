package component

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Format says how a test command tells its results.
type Format string

// The formats.
const (
	FormatExit   Format = "exit"   // its exit status: one test
	FormatJUnit  Format = "junit"  // JUnit XML, at {report} or on standard output
	FormatGoTest Format = "gotest" // go test -json, on standard output
	FormatPytest Format = "pytest" // pytest's own words, on standard output
)

// Formats lists the formats.
var Formats = []Format{FormatExit, FormatJUnit, FormatGoTest, FormatPytest}

// TestResult is one test's outcome.
type TestResult struct {
	Name     string  `json:"name"`
	Status   string  `json:"status"` // passed, failed or skipped
	Duration float64 `json:"duration_s"`
	Message  string  `json:"message,omitempty"`
	Hardware string  `json:"hardware,omitempty"`
}

// The statuses of a TestResult.
const (
	passed  = "passed"
	failed  = "failed"
	skipped = "skipped"
)

// maxMessage is how much of a test's message is kept, in bytes.
const maxMessage = 4096

func clip(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxMessage {
		s = s[:maxMessage]
	}
	return strings.ToValidUTF8(s, "?")
}

// parseTests reads a command's results. report is what it wrote to {report}.
// A command that ended badly without one test saying so has failed itself.
func parseTests(f Format, command string, o output, report []byte) ([]TestResult, error) {
	var tests []TestResult
	var err error
	switch f {
	case FormatJUnit:
		if len(report) == 0 {
			report = o.Stdout
		}
		tests, err = parseJUnit(report)
	case FormatGoTest:
		tests, err = parseGoTest(o.Stdout)
	case FormatPytest:
		tests, err = parsePytest(o.Stdout)
	default:
		status := passed
		if o.Exit != 0 {
			status = failed
		}
		return []TestResult{{Name: command, Status: status, Message: exitMessage(o)}}, nil
	}
	if err != nil && o.Exit == 0 {
		return nil, fmt.Errorf("its %s results cannot be read: %w", f, err)
	}
	if o.Exit != 0 {
		for _, t := range tests {
			if t.Status == failed {
				return tests, nil
			}
		}
		tests = append(tests, TestResult{Name: command, Status: failed, Message: exitMessage(o)})
	}
	return tests, nil
}

func exitMessage(o output) string {
	if o.Exit == 0 {
		return ""
	}
	return clip(fmt.Sprintf("exit status %d\n%s", o.Exit, o.Errors))
}

// parseJUnit reads <testsuites>, <testsuite> or suites within suites.
func parseJUnit(b []byte) ([]TestResult, error) {
	type outcome struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Time    string   `xml:"time,attr"`
		Failure *outcome `xml:"failure"`
		Error   *outcome `xml:"error"`
		Skipped *outcome `xml:"skipped"`
	}
	var tests []TestResult
	d, found := xml.NewDecoder(bytes.NewReader(b)), false
	for {
		token, err := d.Token()
		if err != nil {
			if !found {
				return nil, fmt.Errorf("there is no JUnit XML (%w)", err)
			}
			if err.Error() != "EOF" {
				return nil, err
			}
			return tests, nil
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		found = found || start.Name.Local == "testsuites" || start.Name.Local == "testsuite"
		if start.Name.Local != "testcase" {
			continue
		}
		var c testcase
		if err := d.DecodeElement(&c, &start); err != nil {
			return nil, err
		}
		t := TestResult{Name: c.Name, Status: passed}
		if c.Class != "" {
			t.Name = c.Class + "." + c.Name
		}
		t.Duration, _ = strconv.ParseFloat(strings.ReplaceAll(c.Time, ",", ""), 64)
		for _, bad := range []struct {
			*outcome
			status string
		}{{c.Failure, failed}, {c.Error, failed}, {c.Skipped, skipped}} {
			if bad.outcome != nil && t.Status == passed {
				t.Status, t.Message = bad.status, clip(bad.Message+"\n"+bad.Text)
			}
		}
		tests = append(tests, t)
	}
}

// parseGoTest reads the events of go test -json. A test that began and never
// ended (a panic, an exit) has failed, and so has a package that does so
// without a test to blame.
func parseGoTest(b []byte) ([]TestResult, error) {
	type event struct {
		Action, Package, Test, Output string
		Elapsed                       float64
	}
	var order []string
	tests, said, badTests := map[string]*TestResult{}, map[string]string{}, map[string]bool{}
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 2*maxLine)
	events := 0
	for sc.Scan() {
		var e event
		if json.Unmarshal(sc.Bytes(), &e) != nil || e.Action == "" {
			continue // go vet and the linker speak plainly
		}
		events++
		name := e.Package
		if e.Test != "" {
			name += "." + e.Test
		}
		if e.Action == "output" {
			if len(said[name]) < maxMessage {
				said[name] += e.Output
			}
			continue
		}
		t := tests[name]
		if t == nil && e.Test != "" {
			t = &TestResult{Name: name, Status: failed, Message: "it did not end"}
			tests[name] = t
			order = append(order, name)
		}
		switch e.Action {
		case "pass", "skip", "fail":
			if e.Test == "" {
				if e.Action == "fail" && !badTests[e.Package] {
					tests[name] = &TestResult{Name: name, Status: failed, Duration: e.Elapsed, Message: clip(said[name])}
					order = append(order, name)
				}
				continue
			}
			t.Duration, t.Message = e.Elapsed, ""
			t.Status = map[string]string{"pass": passed, "skip": skipped, "fail": failed}[e.Action]
			if t.Status != passed {
				t.Message = clip(said[name])
			}
			badTests[e.Package] = badTests[e.Package] || t.Status == failed
		}
	}
	if events == 0 {
		return nil, fmt.Errorf("there is no event of go test -json")
	}
	out := make([]TestResult, len(order))
	for i, name := range order {
		out[i] = *tests[name]
	}
	return out, sc.Err()
}

var (
	pytestLine = regexp.MustCompile(`(?m)^(\S+::.+?) (PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)\b`)
	pytestSum  = regexp.MustCompile(`(?m)^=*\s*((?:\d+ (?:passed|failed|skipped|errors?|xfailed|xpassed|warnings?|deselected|rerun)(?:, )?)+) in [\d.]+s`)
	pytestPart = regexp.MustCompile(`(\d+) (passed|failed|skipped|errors?|xfailed|xpassed)`)
)

var pytestStatus = map[string]string{
	"PASSED": passed, "XPASS": passed, "xpassed": passed, "passed": passed,
	"SKIPPED": skipped, "XFAIL": skipped, "xfailed": skipped, "skipped": skipped,
	"FAILED": failed, "ERROR": failed, "failed": failed, "error": failed, "errors": failed,
}

// parsePytest reads pytest's output: each test by name with -v, else the
// numbers of its last line.
func parsePytest(b []byte) ([]TestResult, error) {
	var tests []TestResult
	at := map[string]int{}
	for _, m := range pytestLine.FindAllStringSubmatch(string(b), -1) {
		t := TestResult{Name: m[1], Status: pytestStatus[m[2]]}
		if i, seen := at[t.Name]; seen { // an error in teardown comes after the test's own word
			if t.Status == failed {
				tests[i] = t
			}
			continue
		}
		at[t.Name] = len(tests)
		tests = append(tests, t)
	}
	sums := pytestSum.FindAllStringSubmatch(string(b), -1)
	if len(sums) == 0 {
		return nil, fmt.Errorf("there is no summary line of pytest")
	}
	if len(tests) > 0 {
		return tests, nil
	}
	for _, m := range pytestPart.FindAllStringSubmatch(sums[len(sums)-1][1], -1) {
		n, _ := strconv.Atoi(m[1])
		for i := range min(n, 100_000) {
			tests = append(tests, TestResult{Name: fmt.Sprintf("%s %d", m[2], i+1), Status: pytestStatus[m[2]]})
		}
	}
	return tests, nil
}
