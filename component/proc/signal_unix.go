//go:build unix

package proc

import (
	"os"
	"syscall"
)

// signal asks the process's whole group to end, or kills it.
func signal(p *os.Process, kill bool) error {
	s := syscall.SIGTERM
	if kill {
		s = syscall.SIGKILL
	}
	return syscall.Kill(-p.Pid, s)
}
