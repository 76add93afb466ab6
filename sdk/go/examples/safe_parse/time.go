package main

// timestampMin and timestampMax are 0001-01-01T00:00:00Z and the last microsecond of 9999, the
// years that RFC 3339 can write. An epoch number beyond them has been given in the wrong unit.
const (
	second       = 1_000_000
	timestampMin = -62_135_596_800 * second
	timestampMax = 253_402_300_800*second - 1
)

// timestampOf is microseconds since 1970-01-01T00:00:00Z of
// `YYYY-MM-DDTHH:MM[:SS[.fraction]][zone]`.
//
// A space may stand for the `T`. The zone is `Z`, `+HH:MM`, `+HHMM` or `+HH`; without one the time
// is UTC. Digits beyond the microsecond are cut. A leap second counts as the next second.
func timestampOf(text []byte) (us int64, ok bool) {
	if len(text) < len("YYYY-MM-DDTHH:MM") || text[13] != ':' {
		return 0, false
	}
	if text[10] != 'T' && text[10] != 't' && text[10] != ' ' {
		return 0, false
	}
	days, hasDay := daysOf(text[:10])
	hour, hasHour := twoDigits(text[11:], 23)
	minute, hasMinute := twoDigits(text[14:], 59)
	if !hasDay || !hasHour || !hasMinute {
		return 0, false
	}
	rest := text[16:]
	var seconds, fraction int64
	if len(rest) > 0 && rest[0] == ':' {
		if seconds, ok = twoDigits(rest[1:], 60); !ok {
			return 0, false
		}
		rest = rest[3:]
		if len(rest) > 0 && (rest[0] == '.' || rest[0] == ',') {
			if fraction, rest, ok = fractionOf(rest[1:]); !ok {
				return 0, false
			}
		}
	}
	zone, ok := zoneSeconds(rest)
	seconds += days*86_400 + hour*3600 + minute*60 - zone
	return seconds*second + fraction, ok
}

// daysOf is days since 1970-01-01 of `YYYY-MM-DD`.
func daysOf(text []byte) (days int64, ok bool) {
	if len(text) != len("YYYY-MM-DD") || text[4] != '-' || text[7] != '-' {
		return 0, false
	}
	century, ok1 := twoDigits(text, 99)
	year, ok2 := twoDigits(text[2:], 99)
	month, ok3 := twoDigits(text[5:], 12)
	day, ok4 := twoDigits(text[8:], 31)
	year += century * 100
	if !ok1 || !ok2 || !ok3 || !ok4 || year == 0 || month == 0 || day == 0 {
		return 0, false
	}
	return daysFromCivil(year, month, day), day <= daysInMonth(year, month)
}

func daysInMonth(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysFromCivil is days since 1970-01-01 of a day after the year 0, by Howard Hinnant's
// days_from_civil (https://howardhinnant.github.io/date_algorithms.html): years begin in March, so
// that the leap day is the last.
func daysFromCivil(year, month, day int64) int64 {
	if month <= 2 {
		year--
	}
	era, yearOfEra := year/400, year%400
	dayOfYear := (153*((month+9)%12)+2)/5 + day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return era*146_097 + dayOfEra - 719_468
}

// fractionOf is microseconds of a fraction's digits, at least one, and what follows them.
func fractionOf(text []byte) (us int64, rest []byte, ok bool) {
	end := 0
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	for at := range 6 {
		us *= 10
		if at < end {
			us += int64(text[at] - '0')
		}
	}
	return us, text[end:], end > 0
}

// zoneSeconds is how far the zone is ahead of UTC.
func zoneSeconds(zone []byte) (seconds int64, ok bool) {
	minutes := []byte("00")
	switch len(zone) {
	case 0:
		return 0, true
	case 1:
		return 0, zone[0] == 'Z' || zone[0] == 'z'
	case len("+HH"):
	case len("+HHMM"):
		minutes = zone[3:]
	case len("+HH:MM"):
		if zone[3] != ':' {
			return 0, false
		}
		minutes = zone[4:]
	default:
		return 0, false
	}
	hours, ok1 := twoDigits(zone[1:], 23)
	rest, ok2 := twoDigits(minutes, 59)
	seconds = hours*3600 + rest*60
	if zone[0] == '-' {
		seconds = -seconds
	}
	return seconds, ok1 && ok2 && (zone[0] == '+' || zone[0] == '-')
}

// twoDigits is the number that the text begins with.
func twoDigits(text []byte, max int64) (number int64, ok bool) {
	if len(text) < 2 || !isDigit(text[0]) || !isDigit(text[1]) {
		return 0, false
	}
	number = int64(text[0]-'0')*10 + int64(text[1]-'0')
	return number, number <= max
}
