//go:build !wasip1

package scalar

import "millrace"

// Outside of a component there is nobody to export to.
func export(millrace.About, Plugin) {}
