package millrace

import "errors"

// RowError is one input row that a plugin can't take.
type RowError struct {
	Row uint32
	// Code has 1 to 64 lower-case letters, digits and underscores.
	Code string
	// Message is for a person.
	Message string
	// Column is the one at fault, if there is one.
	Column string
}

func (e *RowError) Error() string { return e.Message }

// codeFailed is the code of an error that names none.
const codeFailed = "failed"

// Emitted is rows for one port.
type Emitted struct {
	Port string
	// All says that these are all input rows in their order, and Rows means nothing.
	All bool
	// Rows says from which input row each row came.
	Rows []uint32
	// Columns are those that the port adds, in the order of its description.
	Columns []AnyColumn
}

// Output is what a plugin returns for a batch, as it grows. Rows that are neither emitted nor
// refused are filtered out.
type Output struct {
	emitted []Emitted
	errors  []RowError
}

// All passes every input row to the port, in order, with the columns that the port adds.
func (o *Output) All(port string, columns ...AnyColumn) {
	o.emitted = append(o.emitted, Emitted{Port: port, All: true, Columns: columns})
}

// Some passes the input rows with these numbers to the port, with columns that are as long as rows.
// It keeps the slice.
func (o *Output) Some(port string, rows []uint32, columns ...AnyColumn) {
	if len(rows) > 0 {
		o.emitted = append(o.emitted, Emitted{Port: port, Rows: rows, Columns: columns})
	}
}

// Error refuses an input row.
func (o *Output) Error(row uint32, code, message string) {
	o.errors = append(o.errors, RowError{Row: row, Code: code, Message: message})
}

// ErrorIn refuses an input row because of a column.
func (o *Output) ErrorIn(row uint32, column, code, message string) {
	o.errors = append(o.errors, RowError{Row: row, Code: code, Message: message, Column: column})
}

// Refuse refuses an input row because of err: with its code, message and column if it is a
// *RowError, and otherwise with the code `failed` and its text.
func (o *Output) Refuse(row uint32, err error) {
	told := RowError{Code: codeFailed, Message: err.Error()}
	var own *RowError
	if errors.As(err, &own) {
		told = *own
		if told.Code == "" {
			told.Code = codeFailed
		}
	}
	told.Row = row
	o.errors = append(o.errors, told)
}

// Emitted is what goes to the ports.
func (o *Output) Emitted() []Emitted { return o.emitted }

// Errors are the refused rows.
func (o *Output) Errors() []RowError { return o.errors }
