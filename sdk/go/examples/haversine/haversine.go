// Command haversine is a function for SQL: the distance between two places on earth.
package main

import (
	"fmt"
	"math"
	"strconv"

	"millrace"
	"millrace/scalar"
)

func init() {
	scalar.Export(millrace.About{
		Name:    "haversine",
		Version: "0.1.0",
		Summary: "The distance between two places on earth in kilometres",
	}, &Haversine{})
}

func main() {}

// radiusKm is the mean radius of the earth.
const radiusKm = 6371.0088

// Haversine is haversine(lat1, lon1, lat2, lon2) in kilometres. It has no configuration.
type Haversine struct{}

// Start checks that there are four float64.
func (p *Haversine) Start(arguments millrace.Schema) (millrace.Field, error) {
	floats := 0
	for _, argument := range arguments {
		if argument.Type.Equal(millrace.Float64) {
			floats++
		}
	}
	if len(arguments) != 4 || floats != 4 {
		return millrace.Field{}, millrace.ConfigError{
			Message: "it takes four float64: latitude and longitude of two places, in degrees",
		}
	}
	return millrace.Field{Name: "km", Type: millrace.Float64, Nullable: true}, nil
}

// Evaluate refuses rows with a place that there is not.
func (p *Haversine) Evaluate(
	arguments *millrace.Batch, errors *scalar.Errors,
) (millrace.AnyColumn, error) {
	var degrees [4]*millrace.Column[float64]
	var valid millrace.Validity
	for i := range degrees {
		column, err := arguments.Float64(fmt.Sprintf("a%d", i))
		if err != nil {
			return nil, err
		}
		degrees[i] = column
		valid = valid.And(column.Validity)
	}
	kilometres := make([]float64, arguments.Rows())
	for row := range kilometres {
		if valid.IsNull(row) {
			continue
		}
		lat1, lon1 := degrees[0].Values[row], degrees[1].Values[row]
		lat2, lon2 := degrees[2].Values[row], degrees[3].Values[row]
		if wrong := check(lat1, lon1, lat2, lon2); wrong != "" {
			errors.Error(uint32(row), "no_place", wrong)
			continue
		}
		kilometres[row] = haversine(lat1, lon1, lat2, lon2)
	}
	return millrace.NewColumn(kilometres).WithValidity(valid), nil
}

// check says what is wrong with two places; it is empty if nothing is.
func check(lat1, lon1, lat2, lon2 float64) string {
	for _, angle := range [...]struct {
		name       string
		value, max float64
	}{
		{"latitude", lat1, 90}, {"latitude", lat2, 90},
		{"longitude", lon1, 180}, {"longitude", lon2, 180},
	} {
		if !(math.Abs(angle.value) <= angle.max) {
			return strconv.FormatFloat(angle.value, 'f', -1, 64) + " is no " + angle.name
		}
	}
	return ""
}

func haversine(lat1, lon1, lat2, lon2 float64) float64 {
	lat1, lon1, lat2, lon2 = radians(lat1), radians(lon1), radians(lat2), radians(lon2)
	chord := half(lat2-lat1) + math.Cos(lat1)*math.Cos(lat2)*half(lon2-lon1)
	return 2 * radiusKm * math.Asin(min(math.Sqrt(chord), 1))
}

func radians(degrees float64) float64 { return degrees * (math.Pi / 180) }

func half(angle float64) float64 {
	sine := math.Sin(angle / 2)
	return sine * sine
}
