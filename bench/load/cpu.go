//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// usage is the processor time that was spent so far: on a machine that does
// other things too a steadier figure than the rate.
type usage struct{ server, load time.Duration }

// tick is the unit of /proc's times; Linux has had it at this for decades.
const tick = 10 * time.Millisecond

// spent is the processor time of this process and of the server's; 0 for a
// server that is not known.
func spent(pid int) (u usage, err error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return u, err
	}
	u.load = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	if pid == 0 {
		return u, nil
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	// The name, in parentheses, may hold spaces; utime and stime are the 12th
	// and 13th field behind it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return u, err
		}
		u.server += time.Duration(n) * tick
	}
	return u, nil
}
