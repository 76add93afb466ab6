package millrace

import (
	"math"
	"math/bits"
)

// Int128 is a whole number of 128 bits in two's complement, as decimals have it: the value of a
// decimal with the scale 2 is a hundredth of its number.
type Int128 struct {
	// Lo are the lower 64 bits.
	Lo uint64
	// Hi are the upper 64 bits, with the sign.
	Hi int64
}

// Int128Of is the number with this value.
func Int128Of(value int64) Int128 { return Int128{Lo: uint64(value), Hi: value >> 63} }

// Add is the sum; it wraps around.
func (n Int128) Add(other Int128) Int128 {
	lo, carry := bits.Add64(n.Lo, other.Lo, 0)
	return Int128{Lo: lo, Hi: n.Hi + other.Hi + int64(carry)}
}

// Sub is the difference; it wraps around.
func (n Int128) Sub(other Int128) Int128 {
	lo, borrow := bits.Sub64(n.Lo, other.Lo, 0)
	return Int128{Lo: lo, Hi: n.Hi - other.Hi - int64(borrow)}
}

// Neg is the number with the other sign; it wraps around.
func (n Int128) Neg() Int128 { return Int128{}.Sub(n) }

// Sign is -1, 0 or 1.
func (n Int128) Sign() int {
	switch {
	case n.Hi < 0:
		return -1
	case n.Hi == 0 && n.Lo == 0:
		return 0
	}
	return 1
}

// Cmp is -1 if n is less than other, 0 if it is the same, 1 if it is more.
func (n Int128) Cmp(other Int128) int {
	switch {
	case n == other:
		return 0
	case n.Hi < other.Hi || n.Hi == other.Hi && n.Lo < other.Lo:
		return -1
	}
	return 1
}

// Float64 is the floating-point number that is nearest.
func (n Int128) Float64() float64 {
	if n.Hi < 0 {
		n = n.Neg()
		return -magnitude(uint64(n.Hi), n.Lo)
	}
	return magnitude(uint64(n.Hi), n.Lo)
}

func magnitude(hi, lo uint64) float64 {
	if hi == 0 {
		return float64(lo)
	}
	// The upper 64 bits that count, the last of them set if any was lost: it is then rounded once.
	shift := bits.LeadingZeros64(hi)
	top := hi<<shift | lo>>(64-shift)
	if lo<<shift != 0 {
		top |= 1
	}
	// 2^(64 - shift), of which the product is exact.
	return float64(top) * math.Float64frombits(uint64(1023+64-shift)<<52)
}

// Int128OfFloat is the number without its fraction: the nearest one there is for what is too
// large, and 0 for what is no number.
func Int128OfFloat(value float64) Int128 {
	const limit = 1 << 127
	switch {
	case value != value:
		return Int128{}
	case value >= limit:
		return Int128{Lo: math.MaxUint64, Hi: math.MaxInt64}
	case value <= -limit:
		return Int128{Hi: math.MinInt64}
	case value < 0:
		return Int128OfFloat(-value).Neg()
	}
	if value < 1 {
		return Int128{}
	}
	pattern := math.Float64bits(value)
	exponent := int(pattern>>52) - 1075
	mantissa := pattern&(1<<52-1) | 1<<52
	switch {
	case exponent <= 0:
		return Int128{Lo: mantissa >> -exponent}
	case exponent < 64:
		return Int128{Lo: mantissa << exponent, Hi: int64(mantissa >> (64 - exponent))}
	}
	return Int128{Hi: int64(mantissa << (exponent - 64))}
}

// String is the number in decimal digits.
func (n Int128) String() string {
	negative := n.Hi < 0
	hi, lo := uint64(n.Hi), n.Lo
	if negative {
		n = n.Neg()
		hi, lo = uint64(n.Hi), n.Lo
	}
	var digits [40]byte
	at := len(digits)
	for {
		// By 10: the remainder of the upper half goes on into the lower one.
		quotient, rest := hi/10, hi%10
		hi = quotient
		lo, rest = bits.Div64(rest, lo, 10)
		at--
		digits[at] = '0' + byte(rest)
		if hi == 0 && lo == 0 {
			break
		}
	}
	if negative {
		at--
		digits[at] = '-'
	}
	return string(digits[at:])
}
