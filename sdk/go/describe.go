package millrace

import (
	"errors"
	"fmt"
	"strings"
)

// Description says what a plugin does with the input that it was started for.
type Description struct {
	// Reads are the input columns that Process sees, in their order.
	Reads []string
	// Ports are the outputs, at least one.
	Ports []Port
	// Keys are, for a keyed plugin, the columns of the key that it sees, once per key.
	Keys []string
	// StateTTL is, for a keyed plugin, how many microseconds after its last row or timer the state
	// of a key means nothing any more; 0 if it always means something.
	StateTTL uint64
}

// Port is one output: what it adds to the input's columns, and what it drops of them.
type Port struct {
	// Lower-case letters, digits and underscores; `errors` and `late` are the host's.
	Name string
	// Adds are columns that are written on this port. A name that the input has too replaces that
	// column.
	Adds []Field
	// Drops are columns of the input that end here.
	Drops []string
}

// ConfigError is one thing in the configuration, or in the input's schema, that a plugin can't work
// with.
type ConfigError struct {
	// Path is a place in the configuration such as `rules[2].when`; empty for the whole.
	Path string
	// Message says what is wrong and what would be right.
	Message string
}

func (e ConfigError) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}

// ConfigErrors is all that is wrong, so that it can be mended in one go.
type ConfigErrors []ConfigError

// Add notes one more mistake, worded as by fmt.Sprintf.
func (e *ConfigErrors) Add(path, format string, arguments ...any) {
	*e = append(*e, ConfigError{Path: path, Message: fmt.Sprintf(format, arguments...)})
}

// Err is nil if nothing was noted.
func (e ConfigErrors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

func (e ConfigErrors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}

// ConfigErrorsOf are the mistakes that an error of Start names. An error that names none is one of
// the whole.
func ConfigErrorsOf(err error) ConfigErrors {
	var all ConfigErrors
	var one ConfigError
	switch {
	case errors.As(err, &all):
		return all
	case errors.As(err, &one):
		return ConfigErrors{one}
	}
	return ConfigErrors{{Message: err.Error()}}
}
