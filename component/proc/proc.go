// Package proc runs commands so that nothing of them stays behind: each in a
// process group of its own that is ended as a whole, with an environment made
// from an allow-list, and never through a shell.
package proc

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// Always are the variables every command gets when they are set here.
var Always = []string{"PATH", "HOME", "LANG", "TMPDIR"}

// Environ is the environment of a command: the variables of Always and those
// named, where they are set here, and then the ones given.
func Environ(allow []string, set map[string]string) []string {
	env := []string{} // not nil: a nil Env would hand over everything
	for _, list := range [][]string{Always, allow} {
		for _, name := range list {
			if v, ok := os.LookupEnv(name); ok {
				env = append(env, name+"="+v)
			}
		}
	}
	for name, v := range set {
		env = append(env, name+"="+v)
	}
	return env
}

// Run starts a command made by exec.CommandContext and waits for its end. When
// ctx is done the whole process group is asked to end (SIGTERM), and killed
// after grace; what the command leaves running when it ends by itself is
// killed too. On Linux the command also dies with this process.
func Run(ctx context.Context, c *exec.Cmd, grace time.Duration) error {
	group(c)
	c.Cancel = func() error { return signal(c.Process, false) }
	c.WaitDelay = grace

	// The kernel sends the death signal when the thread that started the child
	// ends, so that thread has to stay until the child is gone.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := c.Start(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	err := c.Wait()
	_ = signal(c.Process, true)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
