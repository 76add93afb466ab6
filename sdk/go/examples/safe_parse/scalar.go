package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// kind is what a JSON value is.
type kind uint8

const (
	isNull kind = iota
	isTrue
	isFalse
	isString
	// isInteger is a number without fraction and exponent within 64 bits.
	isInteger
	// isFloat is any other number.
	isFloat
	isSequence
	isMap
)

// scalar is a JSON value that is neither list nor object; of these only the first byte is looked
// at.
type scalar struct {
	kind kind
	// text is the content of a string, or the digits of a number.
	text    []byte
	integer int64
}

// scalar reads the next value.
func (r *reader) scalar() (scalar, *refusal) {
	b := r.space()
	switch {
	case b == '"':
		r.at++
		text, refused := r.str()
		return scalar{kind: isString, text: text}, refused
	case b == '-' || isDigit(b):
		text, whole, refused := r.number()
		if refused != nil {
			return scalar{}, refused
		}
		if whole {
			if value, ok := integer(text); ok {
				return scalar{kind: isInteger, text: text, integer: value}, nil
			}
		}
		return scalar{kind: isFloat, text: text}, nil
	case b == 't':
		return scalar{kind: isTrue}, r.ident("true")
	case b == 'f':
		return scalar{kind: isFalse}, r.ident("false")
	case b == 'n':
		return scalar{kind: isNull}, r.ident("null")
	case b == '[':
		return scalar{kind: isSequence}, nil
	case b == '{':
		return scalar{kind: isMap}, nil
	case r.isEnd():
		return scalar{}, r.next(eofValue)
	}
	return scalar{}, r.next("expected value")
}

// plain reads the next value if it is a number with at most 15 digits and no exponent, without
// looking at anything twice. The number is digits / 10^decimals; there is no `-0`.
func (r *reader) plain() (digits int64, decimals int, ok bool) {
	at := r.at
	for at < len(r.text) && r.text[at] == ' ' {
		at++
	}
	start := at
	if at < len(r.text) && r.text[at] == '-' {
		at++
	}
	first, point := at, -1
	for ; at < len(r.text); at++ {
		b := r.text[at]
		if b-'0' <= 9 {
			digits = digits*10 + int64(b-'0')
		} else if b == '.' && point < 0 {
			point = at
		} else {
			break
		}
	}
	if at-first > 15 || at == first || at == len(r.text) || digits == 0 || point == first ||
		point == at-1 || r.text[first] == '0' && point != first+1 {
		return 0, 0, false
	}
	if b := r.text[at]; b != ',' && b != '}' {
		return 0, 0, false
	}
	if point >= 0 {
		decimals = at - point - 1
	}
	if first > start {
		digits = -digits
	}
	r.at = at
	return digits, decimals, true
}

// powers are those of 10 that a float64 holds exactly.
var powers = [...]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
}

// source reads the next value and gives its text as it was written; nil for null.
func (r *reader) source() ([]byte, *refusal) {
	r.space()
	start := r.at
	if refused := r.skip(); refused != nil {
		return nil, refused
	}
	if text := r.text[start:r.at]; string(text) != "null" {
		return text, nil
	}
	return nil, nil
}

// integer is the value of digits, if it fits; that of -0 does not, as an integer has no such value.
func integer(text []byte) (int64, bool) {
	if len(text) > 18 || string(text) == "-0" {
		value, err := strconv.ParseInt(viewed(text), 10, 64)
		return value, err == nil && string(text) != "-0"
	}
	digits, negative := text, text[0] == '-'
	if negative {
		digits = digits[1:]
	}
	var value int64
	for _, b := range digits {
		value = value*10 + int64(b-'0')
	}
	if negative {
		value = -value
	}
	return value, true
}

// float is the number nearest to the text of one; false if it is beyond the largest.
func float(text []byte) (float64, bool) {
	value, err := strconv.ParseFloat(viewed(text), 64)
	return value, err == nil
}

// viewed is a text without a copy, for what does not keep it.
func viewed(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }

// words names the value in a message.
func (s scalar) words() string {
	switch s.kind {
	case isTrue:
		return "boolean `true`"
	case isFalse:
		return "boolean `false`"
	case isString:
		return "string " + quoted(string(s.text))
	case isInteger:
		return "integer `" + string(s.text) + "`"
	case isFloat:
		value, _ := float(s.text)
		return "floating point `" + shortest(value) + "`"
	case isSequence:
		return "sequence"
	case isMap:
		return "map"
	}
	return "null"
}

// shortest is a number with a point or an exponent.
func shortest(value float64) string {
	text := strconv.FormatFloat(value, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	if power, _ := strconv.Atoi(exponent); power < -5 || power >= 16 {
		return mantissa + "e" + strconv.Itoa(power)
	}
	text = strconv.FormatFloat(value, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// quoted is a text in quotes, with what can't be seen as escapes.
func quoted(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, char := range text {
		switch {
		case char == '"' || char == '\\':
			out.WriteByte('\\')
			out.WriteRune(char)
		case char == '\n':
			out.WriteString(`\n`)
		case char == '\r':
			out.WriteString(`\r`)
		case char == '\t':
			out.WriteString(`\t`)
		case char == 0:
			out.WriteString(`\0`)
		case unicode.IsPrint(char):
			out.WriteRune(char)
		default:
			fmt.Fprintf(&out, `\u{%x}`, char)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// messageCharsMax is how much of a value or a message is repeated in a refusal.
const messageCharsMax = 200

// shortened is the beginning of a text that may be of any length.
func shortened(text string) string {
	chars := 0
	for at := range text {
		if chars == messageCharsMax {
			return text[:at] + "..."
		}
		chars++
	}
	return text
}

// wrongBytes says where a text stops being UTF-8.
func wrongBytes(text []byte) string {
	at := 0
	for {
		char, size := utf8.DecodeRune(text[at:])
		if char == utf8.RuneError && size <= 1 {
			break
		}
		at += size
	}
	rest := text[at:]
	if !utf8.FullRune(rest) {
		return fmt.Sprintf("incomplete utf-8 byte sequence from index %d", at)
	}
	length := 1
	for !utf8.FullRune(rest[:length]) {
		length++
	}
	wrong := max(length-1, 1)
	return fmt.Sprintf("invalid utf-8 sequence of %d bytes from index %d", wrong, at)
}
