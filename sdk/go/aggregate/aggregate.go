// Package aggregate is the world of functions for SQL that turn many rows of a group into one
// value.
package aggregate

import (
	"millrace"
)

// Plugin is an aggregate function for SQL with a state S for each group. Its exported fields are
// the function's configuration, with tags as for encoding/json; see millrace.Configure.
//
// The host collects the rows of a group in any number of states and merges them later, in any order
// and grouping, so the result may only depend on which rows a group has. The zero value of S is the
// state of no rows. How it is kept is said at keyed.Plugin.
type Plugin[S any] interface {
	// Start gets ready for arguments of these types, named a0, a1 and so on, and says what type the
	// result has; the name of the field means nothing. An error is shown to the author of the
	// pipeline before anything runs.
	Start(arguments millrace.Schema) (millrace.Field, error)

	// Update adds rows to states; groups has for each row the number of its state. An error, or a
	// panic, fails the call, which changes nothing.
	Update(states []S, groups []uint32, rows *millrace.Batch) error

	// Merge adds the rows of other to state.
	Merge(state, other *S) error

	// Evaluate returns the result for each state.
	Evaluate(states []S) (millrace.AnyColumn, error)
}

// Versioned is a plugin whose states have a version; without the method it is 1.
type Versioned interface {
	// StateVersion is counted up with each change of how states are written. A pipeline whose
	// plugin has another version does not go on with the windows that it has open.
	StateVersion() uint32
}

// Export makes plugin the one of this component: call it in an init function of package main.
// Settings that the configuration may leave out have the value that they have here.
func Export[S any](about millrace.About, plugin Plugin[S]) {
	export(about, func(config string, arguments millrace.Schema) (running, error) {
		return Start(plugin, config, arguments)
	})
}
