package main

import (
	"testing"

	"millrace"
	"millrace/millracetest"
)

func TestTheLongestTextWins(t *testing.T) {
	texts := millracetest.Column("a0", millrace.Utf8, "bb", nil, "aa", "c")
	longest, err := millracetest.Aggregate(&Longest{}, `{}`, texts.Column)
	if err != nil {
		t.Fatal(err)
	}
	if longest != "aa" {
		t.Errorf("the longest text is %v", longest)
	}
}
