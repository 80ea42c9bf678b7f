//go:build unix

// Command load measures a running server as its clients use it: a POST, then
// GET until the task has completed, on connections that are kept alive; and
// lists of the ten newest rows.
//
//	perfcast --predictive-only --db-path /tmp/load.duckdb &
//	go run ./bench/load -url http://127.0.0.1:8500 -connections 64 -rows 100000
//
// It speaks HTTP/1.1 by hand, so that generator and server can share a machine
// without the generator being most of what is measured.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const prefix = "/api/predictive-performance/"

// work is one thing that clients do. The figures of the server that this API
// comes from are at 8 connections; it does no more at 64.
type work struct {
	name     string
	endpoint string             // of a POST; empty for a GET
	body     func(i int) string // of the i-th request
	list     string
	before   float64 // per second, of the earlier server
}

var platforms = []string{"cuda", "cpu", "rocm", "mps"}

var works = []work{
	{name: "predict hardware with performance", endpoint: "predict-hardware", before: 85, body: func(i int) string {
		return fmt.Sprintf(`{"model_name":"bert-base-uncased","batch_size":%d,"available_hardware":["cuda","cpu","rocm"],"predict_performance":true}`, 1+i%64)
	}},
	{name: "predict performance of two platforms", endpoint: "predict-performance", before: 143, body: func(i int) string {
		return fmt.Sprintf(`{"model_name":"bert-base-uncased","batch_size":%d,"hardware":["cuda","cpu"]}`, 1+i%64)
	}},
	{name: "record a measurement", endpoint: "record-measurement", before: 64, body: func(i int) string {
		return fmt.Sprintf(`{"model_name":"bert-base-uncased","hardware_platform":%q,"batch_size":%d,"throughput":%d.5,"latency":8.3,"memory_usage":1024}`,
			platforms[i%len(platforms)], 1+i%64, 100+i%50)
	}},
	{name: "list the ten newest predictions", list: "predictions?limit=10", before: 339},
	{name: "list the ten newest measurements", list: "measurements?limit=10", before: 339},
}

func main() {
	address := flag.String("url", "http://127.0.0.1:8500", "the server")
	connections := flag.Int("connections", 64, "connections at once")
	duration := flag.Duration("duration", 10*time.Second, "time for each kind of work")
	rows := flag.Int("rows", 0, "predictions to fill the database with first")
	pid := flag.Int("pid", 0, "the server's process, to count its processor time (Linux)")
	only := flag.String("only", "", "only the work whose name contains this")
	flag.Parse()
	if err := run(*address, *connections, *duration, *rows, *pid, *only); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(address string, connections int, duration time.Duration, rows, pid int, only string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if rows > 0 {
		if err := fill(u.Host, rows); err != nil {
			return fmt.Errorf("filling the database: %w", err)
		}
	}
	fmt.Printf("%d connections, %v each; the last column is 2 s divided by the processor time: two cores in full use\n"+
		"%-38s %9s %9s %9s %8s %12s %12s %9s\n", connections, duration,
		"", "per s", "p50 ms", "p99 ms", "times", "server CPU", "load's CPU", "per s")
	for _, w := range works {
		if !strings.Contains(w.name, only) {
			continue
		}
		before, err := spent(pid)
		if err != nil {
			return err
		}
		times, err := measure(u.Host, w, connections, duration)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		after, err := spent(pid)
		if err != nil {
			return err
		}
		slices.Sort(times)
		rate := float64(len(times)) / duration.Seconds()
		at := func(q float64) float64 { return times[int(q*float64(len(times)-1))].Seconds() * 1000 }
		each := func(t time.Duration) float64 { return t.Seconds() * 1e6 / float64(len(times)) }
		server, load := each(after.server-before.server), each(after.load-before.load)
		fmt.Printf("%-38s %9.0f %9.2f %9.2f %7.1fx %9.0f us %9.0f us", w.name, rate, at(0.5), at(0.99), rate/w.before, server, load)
		if server > 0 {
			fmt.Printf(" %9.0f", 2e6/(server+load))
		}
		fmt.Println()
	}
	return nil
}

// measure repeats a piece of work on every connection, and gives the time of
// each that ended.
func measure(host string, w work, connections int, duration time.Duration) ([]time.Duration, error) {
	var (
		next  atomic.Int64
		mu    sync.Mutex
		all   []time.Duration
		fail  error
		group sync.WaitGroup
	)
	stop := time.Now().Add(duration)
	for range connections {
		group.Go(func() {
			times, err := repeat(host, w, &next, stop)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, times...)
			fail = errors.Join(fail, err)
		})
	}
	group.Wait()
	if len(all) == 0 && fail == nil {
		fail = errors.New("nothing ended in time")
	}
	return all, fail
}

func repeat(host string, w work, next *atomic.Int64, stop time.Time) (times []time.Duration, err error) {
	c, err := dial(host)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.conn.Close() }()
	for {
		start := time.Now()
		if start.After(stop) {
			return times, nil
		}
		if w.endpoint == "" {
			_, err = c.do("GET", w.list, "")
		} else {
			_, err = c.task(w.endpoint, w.body(int(next.Add(1))))
		}
		if err != nil {
			return times, err
		}
		times = append(times, time.Since(start))
	}
}

// fill stores at least so many predictions, a matrix at a time.
func fill(host string, rows int) error {
	c, err := dial(host)
	if err != nil {
		return err
	}
	defer func() { _ = c.conn.Close() }()
	const cells = 8 * 50 * 4 // of one model
	var batches []int
	for i := range 50 {
		batches = append(batches, 1+i)
	}
	names := []string{"bert-base-uncased", "gpt2", "microsoft/resnet-50", "roberta-base", "t5-small"}
	for done := 0; done < rows; {
		var models []map[string]string
		for i := 0; i < len(names) && done < rows; i++ {
			models = append(models, map[string]string{"name": names[i]})
			done += cells
		}
		body, err := json.Marshal(map[string]any{"model_configs": models, "batch_sizes": batches,
			"hardware_platforms": []string{"cpu", "cuda", "rocm", "mps", "openvino", "webgpu", "webnn", "qnn"},
			"precision_options":  []string{"fp32", "fp16", "int8", "int4"}})
		if err != nil {
			return err
		}
		if _, err := c.task("generate-matrix", string(body)); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "\r%d of %d predictions", done, rows)
	}
	fmt.Fprintln(os.Stderr)
	return nil
}

// client is one connection.
type client struct {
	host string
	conn net.Conn
	r    *bufio.Reader
	out  bytes.Buffer
	body []byte
}

func dial(host string) (*client, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	return &client{host: host, conn: conn, r: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// task posts a request and polls its task until it has completed.
func (c *client) task(endpoint, body string) ([]byte, error) {
	answer, err := c.do("POST", endpoint, body)
	if err != nil {
		return nil, err
	}
	var accepted struct {
		TaskID string `json:"task_id"`
	}
	if err := json.Unmarshal(answer, &accepted); err != nil {
		return nil, err
	}
	for {
		if answer, err = c.do("GET", "task/"+accepted.TaskID, ""); err != nil {
			return nil, err
		}
		switch {
		case bytes.HasPrefix(answer, []byte(`{"status":"completed"`)):
			return answer, nil
		case bytes.HasPrefix(answer, []byte(`{"status":"failed"`)):
			return nil, fmt.Errorf("%s failed: %s", endpoint, answer)
		}
	}
}

// do sends one request and reads its answer, which is valid until the next.
func (c *client) do(method, path, body string) ([]byte, error) {
	c.out.Reset()
	fmt.Fprintf(&c.out, "%s %s%s HTTP/1.1\r\nHost: %s\r\n", method, prefix, path, c.host)
	if body != "" {
		fmt.Fprintf(&c.out, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	c.out.WriteString("\r\n")
	c.out.WriteString(body)
	if _, err := c.conn.Write(c.out.Bytes()); err != nil {
		return nil, err
	}
	status, length, chunked, err := c.head()
	if err != nil {
		return nil, err
	}
	if chunked {
		if c.body, err = c.chunks(); err != nil {
			return nil, err
		}
	} else {
		c.body = slices.Grow(c.body[:0], length)[:length]
		if _, err := io.ReadFull(c.r, c.body); err != nil {
			return nil, err
		}
	}
	if status != 200 {
		return nil, fmt.Errorf("%s %s: %d %s", method, path, status, c.body)
	}
	return c.body, nil
}

// head reads the status line and the headers.
func (c *client) head() (status, length int, chunked bool, err error) {
	for first := true; ; first = false {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, 0, false, err
		}
		text := strings.TrimSpace(string(line))
		name, value, _ := strings.Cut(text, ":")
		switch {
		case first:
			if fields := strings.Fields(text); len(fields) > 1 {
				status, err = strconv.Atoi(fields[1])
			}
		case text == "":
			return status, length, chunked, nil
		case strings.EqualFold(name, "Content-Length"):
			length, err = strconv.Atoi(strings.TrimSpace(value))
		case strings.EqualFold(name, "Transfer-Encoding"):
			chunked = true
		}
		if err != nil {
			return 0, 0, false, err
		}
	}
}

// chunks reads a body of chunks.
func (c *client) chunks() ([]byte, error) {
	out := c.body[:0]
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(strings.TrimSpace(line), 16, 31)
		if err != nil {
			return nil, err
		}
		at := len(out)
		out = slices.Grow(out, int(n)+2)[:at+int(n)+2]
		if _, err := io.ReadFull(c.r, out[at:]); err != nil {
			return nil, err
		}
		out = out[:at+int(n)]
		if n == 0 {
			return out, nil
		}
	}
}
