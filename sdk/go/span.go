package millrace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Span is a time span above 0 in a plugin's configuration, in microseconds, as event times are. It
// is written as a number and a unit: `500ms`, `60s`, `5m`, `24h` or `7d`.
type Span int64

var spanUnits = map[string]int64{
	"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "min": 60_000_000,
	"h": 3_600_000_000, "d": 86_400_000_000,
}

// UnmarshalText reads a time span.
func (s *Span) UnmarshalText(source []byte) error {
	text := string(source)
	digits := strings.IndexFunc(text, func(c rune) bool { return c < '0' || c > '9' })
	if digits >= 0 {
		number, err := strconv.ParseInt(text[:digits], 10, 64)
		factor, known := spanUnits[strings.TrimSpace(text[digits:])]
		if err == nil && known && number > 0 && number <= math.MaxInt64/factor {
			*s = Span(number * factor)
			return nil
		}
	}
	return fmt.Errorf("`%s` is no time span: write 500ms, 60s, 5m, 24h or 7d", text)
}
