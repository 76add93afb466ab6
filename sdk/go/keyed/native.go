//go:build !wasip1

package keyed

import "millrace"

// running is a started plugin, whatever its state is.
type running interface {
	Description() *millrace.Description
}

// Outside of a component there is nobody to export to.
func export(millrace.About, func(string, millrace.Schema, []string) (running, error)) {}
