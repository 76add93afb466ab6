package main

import (
	"math"
	"testing"

	"millrace"
	"millrace/millracetest"
)

func degrees(values ...any) millrace.AnyColumn {
	return millracetest.Column("", millrace.Float64, values...).Column
}

func TestPlacesAreSoFarApart(t *testing.T) {
	// From Berlin to Paris, to itself, to nowhere, half around the earth, and from beyond it.
	kilometres, refused, err := millracetest.Scalar(&Haversine{}, `{}`,
		degrees(52.52, 52.52, 52.52, 0, 91), degrees(13.405, 13.405, 13.405, 0, 0),
		degrees(48.8566, 52.52, nil, 0, 0), degrees(2.3522, 13.405, 13.405, 180, 0))
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(kilometres[0].(float64)-877.4645379) > 1e-6 || kilometres[1] != 0.0 ||
		kilometres[2] != nil || math.Abs(kilometres[3].(float64)-math.Pi*radiusKm) > 1e-6 {
		t.Errorf("%v", kilometres)
	}
	if len(refused) != 1 || refused[0].Row != 4 || refused[0].Code != "no_place" ||
		refused[0].Message != "91 is no latitude" {
		t.Errorf("%v", refused)
	}
}

func TestOtherArgumentsAreRefused(t *testing.T) {
	if _, _, err := millracetest.Scalar(&Haversine{}, `{}`, degrees(1), degrees(1)); err == nil {
		t.Error("two arguments were taken")
	}
}
