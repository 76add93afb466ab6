package main

import (
	"reflect"
	"testing"

	"millrace"
	"millrace/millracetest"
)

const minute = 60_000_000

func TestRowsAreCountedUntilTheKeyIsSilent(t *testing.T) {
	input := millracetest.Batch(
		millracetest.Column("user", millrace.Utf8, "a", "b", "a", "a"),
		millracetest.Column("at", millrace.Timestamp("UTC"), 0, 1*minute, 2*minute, 90*minute),
	)
	count, err := millracetest.StartKeyed(
		&Count{}, `{"limit": 1}`, input.Schema(), []string{"user"}, "at",
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := count.Rows(input); err != nil {
		t.Fatal(err)
	}
	// The rows of a key stand together.
	counts := millracetest.Values(count.Port("main"), "count")
	if want := []any{uint64(1), uint64(2), uint64(1), uint64(1)}; !reflect.DeepEqual(counts, want) {
		t.Errorf("the counts are %v, and should be %v", counts, want)
	}
	if err := count.Watermark(200 * minute); err != nil {
		t.Fatal(err)
	}
	if count.States() != 0 {
		t.Errorf("%d keys are still remembered", count.States())
	}
}
