package main

import (
	"reflect"
	"strings"
	"testing"

	"millrace"
	"millrace/millracetest"
)

func texts(values ...any) millrace.AnyColumn {
	return millracetest.Column("a0", millrace.Utf8, values...).Column
}

func TestTheMostFrequentTextsComeFirst(t *testing.T) {
	top, err := millracetest.Aggregate(New(), `{"k": 2}`, texts("b", "a", nil, "c", "a", "c", "d"))
	if err != nil {
		t.Fatal(err)
	}
	// Of two texts that came as often, the smaller one is first.
	want := []any{
		map[string]any{"value": "a", "count": uint64(2)},
		map[string]any{"value": "c", "count": uint64(2)},
	}
	if !reflect.DeepEqual(top, want) {
		t.Errorf("%v", top)
	}
	none, err := millracetest.Aggregate(New(), `{}`, texts(nil, nil))
	if err != nil || !reflect.DeepEqual(none, []any{}) {
		t.Errorf("%v: %v", none, err)
	}
}

func TestMistakesAndBoundsAreNamed(t *testing.T) {
	number := millracetest.Column("a0", millrace.Int64, 1).Column
	for config, test := range map[string]struct {
		argument millrace.AnyColumn
		expected string
	}{
		`{"k": 0}`:          {texts("a"), "k: must be at least 1"},
		`{}`:                {number, "cast the argument"},
		`{"k": -1}`:         {texts("a"), "k: invalid value: integer `-1`"},
		`{"max_values": 1}`: {texts("a", "b"), "more than 1 different texts"},
	} {
		_, err := millracetest.Aggregate(New(), config, test.argument)
		if err == nil || !strings.Contains(err.Error(), test.expected) {
			t.Errorf("%s: %v", config, err)
		}
	}
}

func TestAStateThatIsCutOffIsNotTaken(t *testing.T) {
	counts := Counts{"a": 300, "": 1, "longer": 2}
	bytes, err := counts.AppendBinary(nil)
	var back Counts
	if err != nil || back.UnmarshalBinary(bytes) != nil || !reflect.DeepEqual(back, counts) {
		t.Errorf("%v came back: %v", back, err)
	}
	if back.UnmarshalBinary(bytes[:len(bytes)-1]) == nil {
		t.Error("a state without its end was taken")
	}
}
