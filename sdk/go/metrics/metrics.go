// Package metrics keeps numbers for the operator of the pipeline; the step needs
// grant = ["metrics"]. In a test they go to standard error.
//
// What a call notes counts once the call has succeeded. A name has 1 to 64 of a-z, 0-9 and _, and
// begins with a letter; a plugin has at most 64 of them. Each call crosses the boundary: add up
// first, and call once a batch.
package metrics

// Count adds to the counter of this name.
func Count(name string, amount uint64) { count(name, amount) }

// Gauge sets the gauge of this name.
func Gauge(name string, value float64) { gauge(name, value) }
