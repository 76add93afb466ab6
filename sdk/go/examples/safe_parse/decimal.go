package main

import (
	"math/bits"
	"strconv"
	"strings"

	"millrace"
)

// wrong is why a text is no decimal of the wanted size.
type wrong uint8

const (
	right wrong = iota
	noNumber
	// tooLarge has more digits before the point than precision and scale leave.
	tooLarge
	// tooFine has a digit other than 0 beyond the scale.
	tooFine
)

// decimal is the number in text, in JSON's grammar, times 10^scale, without a detour through
// floating point.
func decimal(text string, precision uint8, scale int8) (millrace.Int128, wrong) {
	digits, negative := strings.CutPrefix(text, "-")
	mantissa, exponent := digits, 0
	if at := strings.IndexAny(digits, "eE"); at >= 0 {
		var err error
		mantissa = digits[:at]
		power, err := strconv.ParseInt(digits[at+1:], 10, 32)
		if err != nil {
			return millrace.Int128{}, noNumber
		}
		exponent = int(power)
	}
	whole, fraction, pointed := strings.Cut(mantissa, ".")
	plain := whole == "0" || whole != "" && whole[0] != '0'
	if !plain || pointed && fraction == "" || !areDigits(whole) || !areDigits(fraction) {
		return millrace.Int128{}, noNumber
	}
	fraction = strings.TrimRight(fraction, "0")
	var value unsigned
	for _, part := range [2]string{whole, fraction} {
		for i := range len(part) {
			var fits bool
			if value, fits = value.times10(uint64(part[i] - '0')); !fits {
				return millrace.Int128{}, tooLarge
			}
		}
	}
	if value == (unsigned{}) {
		return millrace.Int128{}, right
	}
	shift := int(scale) + exponent - len(fraction)
	for ; shift > 0; shift-- {
		var fits bool
		if value, fits = value.times10(0); !fits {
			return millrace.Int128{}, tooLarge
		}
	}
	for ; shift < 0; shift++ {
		rest := uint64(0)
		if value, rest = value.by10(); rest != 0 {
			return millrace.Int128{}, tooFine
		}
	}
	limit := unsigned{lo: 1}
	for range precision {
		limit, _ = limit.times10(0)
	}
	if value.hi > limit.hi || value.hi == limit.hi && value.lo >= limit.lo {
		return millrace.Int128{}, tooLarge
	}
	number := millrace.Int128{Lo: value.lo, Hi: int64(value.hi)}
	if negative {
		number = number.Neg()
	}
	return number, right
}

func areDigits(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return false
		}
	}
	return true
}

// unsigned is a number of up to 127 bits.
type unsigned struct{ hi, lo uint64 }

// times10 is the number with one more digit, if it fits.
func (n unsigned) times10(digit uint64) (unsigned, bool) {
	carry, lo := bits.Mul64(n.lo, 10)
	over, hi := bits.Mul64(n.hi, 10)
	lo, more := bits.Add64(lo, digit, 0)
	hi, overflow := bits.Add64(hi, carry, more)
	return unsigned{hi, lo}, over == 0 && overflow == 0 && hi < 1<<63
}

// by10 is the number without its last digit, and that digit.
func (n unsigned) by10() (unsigned, uint64) {
	hi, rest := n.hi/10, n.hi%10
	lo, rest := bits.Div64(rest, n.lo, 10)
	return unsigned{hi, lo}, rest
}
