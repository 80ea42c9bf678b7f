//go:build !unix

package proc

import (
	"os"
	"os/exec"
)

func group(*exec.Cmd) {}

// signal kills the process: here there are no groups to signal.
func signal(p *os.Process, _ bool) error { return p.Kill() }
