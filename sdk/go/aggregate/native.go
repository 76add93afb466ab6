//go:build !wasip1

package aggregate

import "millrace"

// running is a started function, whatever its state is.
type running interface {
	Result() (result millrace.Field, stateVersion uint32)
}

// Outside of a component there is nobody to export to.
func export(millrace.About, func(string, millrace.Schema) (running, error)) {}
