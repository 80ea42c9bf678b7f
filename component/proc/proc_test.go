//go:build unix

package proc

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEnvironIsAnAllowList(t *testing.T) {
	t.Setenv("PERFCAST_API_KEY", "secret")
	t.Setenv("WANTED", "yes")
	env := strings.Join(Environ([]string{"WANTED", "NOT_SET_ANYWHERE"}, map[string]string{"GIVEN": "1"}), "\n")
	if strings.Contains(env, "secret") || !strings.Contains(env, "WANTED=yes") || !strings.Contains(env, "GIVEN=1") || !strings.Contains(env, "PATH=") {
		t.Fatal(env)
	}
}

// A child that ignores SIGTERM, and a grandchild in the background, both end.
func TestRunEndsTheWholeGroup(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 500*time.Millisecond, errors.New("time is up"))
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", `trap "" TERM; sleep 60 & echo $!; while :; do sleep 0.1; done`)
	c.Env = Environ(nil, nil)
	var out bytes.Buffer
	c.Stdout = &out
	start := time.Now()
	err := Run(ctx, c, 300*time.Millisecond)
	if err == nil || err.Error() != "time is up" || time.Since(start) > 5*time.Second {
		t.Fatalf("%v after %v", err, time.Since(start))
	}
	gone(t, out.String())
}

// What a command leaves behind in the background doesn't outlive it, nor does
// it hold Run up.
func TestRunLeavesNothingBehind(t *testing.T) {
	ctx := context.Background()
	c := exec.CommandContext(ctx, "sh", "-c", `sleep 60 & echo $!`)
	c.Env = Environ(nil, nil)
	var out bytes.Buffer
	c.Stdout = &out
	start := time.Now()
	err := Run(ctx, c, 200*time.Millisecond)
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) || time.Since(start) > 5*time.Second {
		t.Fatalf("%v after %v", err, time.Since(start))
	}
	gone(t, out.String())
}

// gone waits for the process to end; a zombie that nobody has collected yet is
// an ended one.
func gone(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	if err != nil {
		t.Fatalf("no pid in %q", pid)
	}
	for range 50 {
		if syscall.Kill(n, 0) != nil || zombie(n) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("process %d is still there", n)
}

func zombie(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}
