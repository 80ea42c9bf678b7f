package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// log is a durable store for tests: it remembers what was persisted, in order.
type log struct {
	mu      sync.Mutex
	states  []perf.Task
	records []int
	err     error
}

func (l *log) persist(_ context.Context, t perf.Task, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil && t.Status == perf.TaskCompleted {
		return l.err
	}
	l.states = append(l.states, t)
	l.records = append(l.records, n)
	return nil
}

func runner(t *testing.T, l *log, grace time.Duration) *Runner[int] {
	t.Helper()
	r := New(Options[int]{Persist: l.persist, Grace: grace, Keep: 8, Limit: 4})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		r.Close(ctx)
	})
	return r
}

func quick(context.Context, Step) (json.RawMessage, int, error) {
	return json.RawMessage(`{"x":1}`), 7, nil
}

func TestShortTaskIsWrittenOnceWithItsRecords(t *testing.T) {
	l := &log{}
	r := runner(t, l, time.Second)
	got, err := r.Start(perf.TaskHardware, nil, quick)
	if err != nil || got.Status != perf.TaskCompleted || string(got.Result) != `{"x":1}` {
		t.Fatalf("Start = %+v, %v", got, err)
	}
	if len(l.states) != 1 || l.records[0] != 7 {
		t.Fatalf("persisted %v with records %v, want one final state with 7", l.states, l.records)
	}
}

func TestLongTaskIsDurableBeforeItIsAcknowledged(t *testing.T) {
	l := &log{}
	r := runner(t, l, time.Millisecond)
	release := make(chan struct{})
	got, err := r.Start(perf.TaskMatrix, json.RawMessage(`{}`), func(ctx context.Context, step Step) (json.RawMessage, int, error) {
		<-release
		return nil, 0, nil
	})
	if err != nil || got.Status.Done() {
		t.Fatalf("Start = %+v, %v", got, err)
	}
	if len(l.states) != 1 || l.states[0].ID != got.ID || l.states[0].Status.Done() {
		t.Fatalf("persisted %+v", l.states)
	}
	close(release)
	end, _ := r.Await(context.Background(), got.ID, 5*time.Second)
	if end.Status != perf.TaskCompleted {
		t.Fatalf("ended as %+v", end)
	}
}

func TestWatchSeesEveryStepHoweverLate(t *testing.T) {
	r := runner(t, &log{}, time.Second)
	got, err := r.Start(perf.TaskHardware, nil, func(_ context.Context, step Step) (json.RawMessage, int, error) {
		step(0.1, "one")
		step(0.5, "two")
		return nil, 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ch, ok := r.Watch(context.Background(), got.ID)
	if !ok {
		t.Fatal("the task is gone")
	}
	var seen []string
	for s := range ch {
		seen = append(seen, fmt.Sprintf("%s %g %s", s.Status, s.Progress, s.Message))
	}
	want := []string{"pending 0 Task created", "running 0.1 one", "running 0.5 two", "completed 1 Task completed successfully"}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Fatalf("saw %q, want %q", seen, want)
	}
}

func TestSlowWatchersSkipAhead(t *testing.T) {
	r := runner(t, &log{}, time.Millisecond)
	made, go1, go2 := make(chan struct{}), make(chan struct{}), make(chan struct{})
	got, _ := r.Start(perf.TaskMatrix, nil, func(_ context.Context, step Step) (json.RawMessage, int, error) {
		for i := range 1000 {
			step(float64(i)/1000, fmt.Sprint(i))
		}
		close(made)
		<-go1
		step(0.9999, "near the end")
		<-go2
		return nil, 0, nil
	})
	<-made
	ch, _ := r.Watch(context.Background(), got.ID)
	close(go1)
	n := 0
	for s := range ch {
		n++
		if s.Message == "near the end" {
			close(go2)
		}
	}
	if n > keepSteps+3 {
		t.Fatalf("%d states sent, want at most %d", n, keepSteps+3)
	}
}

func TestFailures(t *testing.T) {
	boom := errors.New("secret detail")
	for _, c := range []struct {
		name string
		work Work[int]
		err  error
		want string
	}{
		{"internal", func(context.Context, Step) (json.RawMessage, int, error) { return nil, 0, boom }, nil, "Task failed: internal error"},
		{"user", func(context.Context, Step) (json.RawMessage, int, error) {
			return nil, 0, perf.Invalid("batch_size", "must be at least 1")
		}, nil, "Task failed: batch_size: must be at least 1"},
		{"panic", func(context.Context, Step) (json.RawMessage, int, error) { panic("x") }, nil, "Task failed: internal error"},
		{"not durable", quick, boom, "Task failed: internal error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runner(t, &log{err: c.err}, time.Second)
			got, err := r.Start(perf.TaskHardware, nil, c.work)
			if err != nil || got.Status != perf.TaskFailed || got.Message != c.want || got.Result != nil {
				t.Fatalf("got %+v, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestCancelAndLimitAndClose(t *testing.T) {
	l := &log{}
	r := runner(t, l, time.Millisecond)
	wait := func(ctx context.Context, _ Step) (json.RawMessage, int, error) {
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	var ids []string
	for range 4 {
		s, err := r.Start(perf.TaskMatrix, nil, wait)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.ID)
	}
	if _, err := r.Start(perf.TaskMatrix, nil, wait); perf.AsError(err).Code != perf.CodeUnavailable {
		t.Fatalf("a fifth task was let in: %v", err)
	}
	r.Cancel(ids[0])
	if s, _ := r.Await(context.Background(), ids[0], 5*time.Second); s.Message != "Task failed: cancelled" {
		t.Fatalf("cancelled task: %+v", s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.Close(ctx)
	if s, _ := r.Get(ids[1]); s.Message != "Task failed: interrupted by a shutdown; retry it" {
		t.Fatalf("interrupted task: %+v", s)
	}
	if _, err := r.Start(perf.TaskMatrix, nil, quick); perf.AsError(err).Code != perf.CodeUnavailable {
		t.Fatalf("started after Close: %v", err)
	}
	if _, ok := r.Get("matrix-none"); ok {
		t.Fatal("an unknown id was found")
	}
}
