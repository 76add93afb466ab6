package main

import (
	"reflect"
	"testing"

	"millrace"
	"millrace/millracetest"
)

func TestAllButTheLastCharactersAreMasked(t *testing.T) {
	texts := millracetest.Column("a0", millrace.Utf8, "4111 1111", nil, "1")
	masked, refused, err := millracetest.Scalar(&Mask{}, `{"keep": 4}`, texts.Column)
	if err != nil {
		t.Fatal(err)
	}
	if want := []any{"*****1111", nil}; !reflect.DeepEqual(masked[:2], want) {
		t.Errorf("masked is %v, and should be %v", masked[:2], want)
	}
	if len(refused) != 1 || refused[0].Row != 2 || refused[0].Code != "too_short" {
		t.Errorf("refused: %v", refused)
	}
}
