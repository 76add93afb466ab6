package main

import (
	"reflect"
	"testing"

	"millrace"
	"millrace/millracetest"
	"millrace/transform"
)

func TestAmountsAboveTheLimitAreMarked(t *testing.T) {
	input := millracetest.Batch(
		millracetest.Column("amount", millrace.Float64, 10.0, 100.0, 100.5, nil),
	)
	outcome, err := millracetest.Transform(&FlagLarge{}, `{"limit": 100}`, input)
	if err != nil {
		t.Fatal(err)
	}
	large := millracetest.Values(outcome.Port("main"), "large")
	if want := []any{false, false, true, nil}; !reflect.DeepEqual(large, want) {
		t.Errorf("large is %v, and should be %v", large, want)
	}
	if len(outcome.Errors) > 0 {
		t.Errorf("refused: %v", outcome.Errors)
	}
}

func TestAMisspeltKeyIsRefused(t *testing.T) {
	schema := millrace.Schema{{Name: "amount", Type: millrace.Float64, Nullable: true}}
	if _, err := transform.Start(&FlagLarge{}, `{"limt": 100}`, schema); err == nil {
		t.Error("`limt` was taken")
	}
}
