//go:build unix

package cpubench

import (
	"syscall"
	"time"
)

// cpuTime is the processor time that this process has used, of all threads.
func cpuTime() (time.Duration, bool) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
