// Package log writes lines for the operator of the pipeline; the step needs grant = ["log"]. In a
// test they go to standard error.
package log

import "fmt"

type level uint8

const (
	debug level = iota
	info
	warn
	failed
)

// Debugf is for the plugin's own author; it is worded as by fmt.Sprintf, as all lines are.
func Debugf(format string, arguments ...any) { write(debug, fmt.Sprintf(format, arguments...)) }

// Infof is worth knowing.
func Infof(format string, arguments ...any) { write(info, fmt.Sprintf(format, arguments...)) }

// Warnf is probably not what was meant.
func Warnf(format string, arguments ...any) { write(warn, fmt.Sprintf(format, arguments...)) }

// Errorf is for what is lost or can't be done.
func Errorf(format string, arguments ...any) { write(failed, fmt.Sprintf(format, arguments...)) }
