//go:build wasip1

package log

import "millrace/internal/wit/imports/millrace_plugin_log"

func write(level level, message string) {
	millrace_plugin_log.Log(millrace_plugin_log.Level(level), message)
}
