//go:build !wasip1

package clock

import "time"

func now() int64 { return time.Now().UnixMicro() }
