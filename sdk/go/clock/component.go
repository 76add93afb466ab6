//go:build wasip1

package clock

import "millrace/internal/wit/imports/millrace_plugin_clock"

func now() int64 { return millrace_plugin_clock.Now() }
