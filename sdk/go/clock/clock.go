// Package clock tells the time; the step needs grant = ["clock"]. In a test it is the machine's.
// (In a component, the time of package time is made up.)
//
// Output that depends on it may differ when a row comes again after a failure. Where the pipeline
// says `deterministic`, it is the highest event time of the call.
package clock

// Now is the time in microseconds since 1970, UTC. It may go back when the machine's clock is set.
func Now() int64 { return now() }
