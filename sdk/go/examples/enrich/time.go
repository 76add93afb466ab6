package main

import (
	"fmt"
	"math"

	"millrace"
)

// Spans in microseconds.
const (
	minute = 60_000_000
	hour   = 60 * minute
	day    = 24 * hour
)

// epochWeekday is that of 1970-01-01, a Thursday, three days after a Monday.
const epochWeekday = 3

// timeParts splits a timestamp, in one offset from UTC, into hours 0 to 23 and weekdays from
// 1 = Monday to 7 = Sunday.
type timeParts struct {
	column int
	// offset is in microseconds.
	offset int64
}

func (d *timeParts) derive(batch *millrace.Batch, rows []uint32) ([]millrace.AnyColumn, error) {
	column := batch.Columns()[d.column]
	times, ok := column.(*millrace.Column[int64])
	if !ok {
		return nil, fmt.Errorf("a time can't be of type %s", column.Type())
	}
	var hours, weekdays millrace.Builder[int32]
	hours.Reserve(len(rows))
	weekdays.Reserve(len(rows))
	for _, row := range rows {
		if times.IsNull(int(row)) {
			hours.AppendNull()
			weekdays.AppendNull()
			continue
		}
		local := saturatingAdd(times.Values[row], d.offset)
		hours.Append(hourOf(local))
		weekdays.Append(weekdayOf(local))
	}
	return []millrace.AnyColumn{hours.Finish(), weekdays.Finish()}, nil
}

func hourOf(us int64) int32 { return int32(floorMod(us, day) / hour) }

func weekdayOf(us int64) int32 { return int32(floorMod(floorDiv(us, day)+epochWeekday, 7) + 1) }

func floorMod(value, by int64) int64 { return (value%by + by) % by }

func floorDiv(value, by int64) int64 {
	quotient := value / by
	if value%by < 0 {
		quotient--
	}
	return quotient
}

func saturatingAdd(value, offset int64) int64 {
	sum := value + offset
	switch {
	case offset > 0 && sum < value:
		return math.MaxInt64
	case offset < 0 && sum > value:
		return math.MinInt64
	}
	return sum
}
