//go:build !wasip1

package log

import (
	"fmt"
	"os"
)

func write(level level, message string) {
	names := [...]string{debug: "debug", info: "info", warn: "warn", failed: "error"}
	fmt.Fprintln(os.Stderr, names[level], message)
}
