package millrace_test

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"millrace"
)

// samples has values of every type, nulls among them.
var samples = []struct {
	dataType millrace.Type
	values   []any
}{
	{millrace.Boolean, []any{true, nil, false, true, true, true, true, false, nil, true}},
	{millrace.Int8, []any{int8(-128), nil, int8(127)}},
	{millrace.Int16, []any{int16(-1), nil, int16(math.MaxInt16)}},
	{millrace.Int32, []any{int32(math.MinInt32), nil}},
	{millrace.Int64, []any{int64(math.MinInt64), int64(math.MaxInt64)}},
	{millrace.Uint8, []any{uint8(255), nil}},
	{millrace.Uint16, []any{uint16(65535), nil}},
	{millrace.Uint32, []any{uint32(math.MaxUint32), nil}},
	{millrace.Uint64, []any{nil, uint64(math.MaxUint64)}},
	{millrace.Float32, []any{float32(0.1), nil}},
	{millrace.Float64, []any{0.1, nil, math.Inf(-1)}},
	{millrace.Decimal128(38, 6), []any{millrace.Int128{Lo: 1, Hi: -5}, nil, millrace.Int128Of(-1)}},
	{millrace.Utf8, []any{"Zürich 東京 🦀", "", nil, "x"}},
	{millrace.Binary, []any{[]byte{0, 255}, []byte{}, nil}},
	{millrace.FixedSizeBinary(2), []any{[]byte("ab"), nil}},
	{millrace.Date32, []any{int32(-1), nil}},
	{millrace.Time64, []any{int64(1), nil}},
	{millrace.Timestamp("UTC"), []any{int64(-1), nil}},
	{millrace.Timestamp(""), []any{nil, int64(0)}},
	{millrace.Duration, []any{int64(-5), nil}},
	{millrace.List(millrace.Field{Name: "item", Type: millrace.Int64, Nullable: true}),
		[]any{[]any{int64(1), nil}, nil, []any{}, []any{int64(3)}}},
	{millrace.Struct(
		millrace.Field{Name: "lat", Type: millrace.Float64, Nullable: true},
		millrace.Field{Name: "tags", Nullable: true, Type: millrace.List(
			millrace.Field{Name: "item", Type: millrace.Utf8, Nullable: true},
		)},
	), []any{
		map[string]any{"lat": 1.5, "tags": []any{"a", nil}}, nil,
		map[string]any{"lat": nil, "tags": nil},
	}},
	{millrace.Map(millrace.Utf8, millrace.Int64), []any{
		[]millrace.Pair{{"one", int64(1)}, {"none", nil}}, nil, []millrace.Pair{},
	}},
}

// A value must be the same behind the boundary, whatever stands around it.
func TestEveryTypeCrossesTheBoundary(t *testing.T) {
	for _, sample := range samples {
		for rows := range len(sample.values) + 1 {
			values := sample.values[:rows]
			column, err := millrace.ColumnOf(sample.dataType, values...)
			if err != nil {
				t.Fatal(err)
			}
			schema := millrace.Schema{{Name: "c", Type: sample.dataType, Nullable: true}}
			crossed, err := millrace.Unflatten(schema, millrace.Flatten(column), rows)
			if err != nil {
				t.Fatalf("%s: %s", sample.dataType, err)
			}
			if !crossed[0].Type().Equal(sample.dataType) {
				t.Errorf("%s became %s", sample.dataType, crossed[0].Type())
			}
			if got := millrace.Values(crossed[0]); !reflect.DeepEqual(got, values) {
				t.Errorf("%s: %v became %v", sample.dataType, values, got)
			}
		}
	}
}

func TestRowsAreTakenInAnyOrder(t *testing.T) {
	for _, sample := range samples {
		column, err := millrace.ColumnOf(sample.dataType, sample.values...)
		if err != nil {
			t.Fatal(err)
		}
		got := millrace.Values(millrace.Take(column, []int{1, 0, -1, 1}))
		want := []any{sample.values[1], sample.values[0], nil, sample.values[1]}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, and should be %v", sample.dataType, got, want)
		}
	}
}

// A builder must be able to take back the rows of which it is only later known that they are bad.
func TestABuilderCanBeCutBack(t *testing.T) {
	var numbers millrace.Builder[int64]
	var texts millrace.TextBuilder
	var bools millrace.BoolBuilder
	for row := range 20 {
		if row%3 == 0 {
			numbers.AppendNull()
			texts.AppendNull()
			bools.AppendNull()
		} else {
			numbers.Append(int64(row))
			texts.Append(fmt.Sprint(row))
			bools.Append(row%2 == 0)
		}
	}
	numbers.Truncate(8)
	texts.Truncate(8)
	bools.Truncate(8)
	numbers.Append(99)
	texts.Append("99")
	bools.Append(true)
	for _, test := range []struct {
		column millrace.AnyColumn
		want   []any
	}{
		{numbers.Finish(), []any{nil, int64(1), int64(2), nil, int64(4), int64(5), nil, int64(7), int64(99)}},
		{texts.Finish(), []any{nil, "1", "2", nil, "4", "5", nil, "7", "99"}},
		{bools.Finish(), []any{nil, false, true, nil, true, false, nil, false, true}},
	} {
		if got := millrace.Values(test.column); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v, and should be %v", got, test.want)
		}
		if test.column.NullCount() != 3 {
			t.Errorf("%d nulls", test.column.NullCount())
		}
	}
}

func TestValidityIsThatOfBoth(t *testing.T) {
	left := millrace.ValidityOf([]bool{true, true, false, false, true, true, true, true, true, false})
	right := millrace.ValidityOf([]bool{true, false, true, false, true, true, true, true, false, true})
	both := left.And(right)
	if both.NullCount() != 5 || both.IsNull(0) || both.IsValid(9) {
		t.Errorf("%d nulls", both.NullCount())
	}
	rows := both.KeepValid([]uint32{9, 4, 1, 0})
	if !reflect.DeepEqual(rows, []uint32{4, 0}) {
		t.Errorf("%v have a value", rows)
	}
	var all millrace.Validity
	if merged := all.And(left); !all.IsValid(1000) || merged.NullCount() != left.NullCount() {
		t.Error("the zero value has nulls")
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	for _, test := range []struct {
		dataType millrace.Type
		value    any
	}{
		{millrace.Int8, 128}, {millrace.Uint8, -1}, {millrace.Uint64, -1}, {millrace.Int64, 1.5},
		{millrace.Int64, "1"}, {millrace.Utf8, 1}, {millrace.Boolean, 1},
		{millrace.FixedSizeBinary(2), []byte("abc")}, {millrace.Float32, "x"},
	} {
		if _, err := millrace.ColumnOf(test.dataType, test.value); err == nil {
			t.Errorf("%v was taken as %s", test.value, test.dataType)
		}
	}
	column, err := millrace.ColumnOf(millrace.Float64, 1, uint8(2), float32(0.5))
	if err != nil || !reflect.DeepEqual(millrace.Values(column), []any{1.0, 2.0, 0.5}) {
		t.Errorf("%v: %v", column, err)
	}
}

// A batch that lies about its length would otherwise be read beyond its end.
func TestBuffersThatAreTooShortAreRefused(t *testing.T) {
	for _, sample := range samples {
		column, err := millrace.ColumnOf(sample.dataType, sample.values...)
		if err != nil {
			t.Fatal(err)
		}
		schema := millrace.Schema{{Name: "c", Type: sample.dataType}}
		flat := millrace.Flatten(column)
		flat.Nodes[0].Length += 100
		if _, err := millrace.Unflatten(schema, flat, column.Len()+100); err == nil &&
			sample.dataType.Kind != millrace.KindStruct {
			t.Errorf("%s of %d rows was taken for %d", sample.dataType, column.Len(), column.Len()+100)
		}
		flat = millrace.Flatten(column)
		flat.Buffers = flat.Buffers[:len(flat.Buffers)-1]
		if _, err := millrace.Unflatten(schema, flat, column.Len()); err == nil {
			t.Errorf("%s was taken without a buffer", sample.dataType)
		}
	}
}
