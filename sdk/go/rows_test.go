package millrace_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"millrace"
	"millrace/millracetest"
)

type payment struct {
	User   string   `column:"user"`
	Amount *float64 `column:"amount"`
	At     int64    `column:"at"`
	Other  int
}

type judged struct {
	Large *bool  `column:"large"`
	Text  string `column:"text"`
	Raw   []byte `column:"raw"`
}

// An error of the function that handles one row refuses that row, and no other.
func TestRowsAreStructs(t *testing.T) {
	input := millracetest.Batch(
		millracetest.Column("amount", millrace.Float64, 1.0, nil, 3.0, 4.0, 5.0),
		millracetest.Column("user", millrace.Utf8, "a", "b", nil, "d", "e"),
		millracetest.Column("at", millrace.Timestamp("UTC"), 1, 2, 3, 4, 5),
	)
	var out millrace.Output
	var seen []string
	err := millrace.EachRow(input, &out, func(row uint32, p *payment) error {
		switch p.User {
		case "d":
			return errors.New("no")
		case "e":
			return fmt.Errorf("wrapped: %w", &millrace.RowError{Code: "own", Message: "e", Column: "user"})
		}
		seen = append(seen, fmt.Sprintf("%d %s %t %d", row, p.User, p.Amount == nil, p.At))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"0 a false 1", "1 b true 2"}; !reflect.DeepEqual(seen, want) {
		t.Errorf("%q", seen)
	}
	want := []millrace.RowError{
		{Row: 2, Code: "missing", Message: "is null and must have a value", Column: "user"},
		{Row: 3, Code: "failed", Message: "no"},
		{Row: 4, Code: "own", Message: "e", Column: "user"},
	}
	if !reflect.DeepEqual(out.Errors(), want) {
		t.Errorf("%+v", out.Errors())
	}
	if names := millrace.ColumnsIn[payment](); !reflect.DeepEqual(names, []string{"user", "amount", "at"}) {
		t.Errorf("%q", names)
	}
}

func TestColumnsOfTheWrongTypeAreNotRead(t *testing.T) {
	input := millracetest.Batch(
		millracetest.Column("amount", millrace.Int64, 1),
		millracetest.Column("user", millrace.Utf8, "a"),
		millracetest.Column("at", millrace.Timestamp("UTC"), 1),
	)
	ignore := func(uint32, *payment) error { return nil }
	if err := millrace.EachRow(input, &millrace.Output{}, ignore); err == nil {
		t.Error("an int64 was read as float64")
	}
	if err := millrace.EachRow(millracetest.Batch(), &millrace.Output{}, ignore); err == nil {
		t.Error("a column was read that is not there")
	}
}

func TestStructsBecomeColumns(t *testing.T) {
	yes := true
	columns := millrace.ColumnsFrom([]judged{{&yes, "a", []byte("x")}, {nil, "", nil}})
	want := [][]any{{true, nil}, {"a", ""}, {[]byte("x"), []byte{}}}
	for i, column := range columns {
		if got := millrace.Values(column); !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%v, and should be %v", got, want[i])
		}
	}
	fields := millrace.FieldsIn[judged]()
	if !fields[0].Nullable || fields[1].Nullable || !fields[2].Type.Equal(millrace.Binary) {
		t.Errorf("%+v", fields)
	}
}
