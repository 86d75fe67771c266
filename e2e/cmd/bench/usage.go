//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticks is the kernel's clock tick, which /proc counts CPU time in: 100 a second on
// every Linux that Go runs on.
const ticks = 100

// cpu is the processor time that processes have used so far; one that has ended counts
// no more.
func cpu(pids []int) time.Duration {
	var total int64
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		text := string(raw)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		for _, i := range []int{11, 12} { // utime and stime, counted from the state
			n, err := strconv.ParseInt(fields[i], 10, 64)
			if err == nil {
				total += n
			}
		}
	}
	return time.Duration(total) * time.Second / ticks
}

// memory is a line of /proc/<pid>/status in bytes: VmRSS or VmHWM.
func memory(pid int, name string) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		value, ok := strings.CutPrefix(line, name+":")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
		if err != nil {
			return 0
		}
		return kib << 10
	}
	return 0
}

// resetPeak makes VmHWM start over from what is resident now.
func resetPeak(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

func mb(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
