package main

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// reader reads JSON from a text. What is wrong with it is worded as serde_json does.
type reader struct {
	text []byte
	at   int
	// scratch holds a string with escapes.
	scratch []byte
}

// Wordings of mistakes.
const (
	eofString       = "EOF while parsing a string"
	eofValue        = "EOF while parsing a value"
	eofObject       = "EOF while parsing an object"
	eofList         = "EOF while parsing a list"
	expectedIdent   = "expected ident"
	invalidNumber   = "invalid number"
	invalidEscape   = "invalid escape"
	loneSurrogate   = "lone leading surrogate in hex escape"
	endOfEscape     = "unexpected end of hex escape"
	controlInString = "control character (\\u0000-\\u001F) found while parsing a string"
)

// here is a mistake that ends before the next byte.
func (r *reader) here(message string) *refusal {
	read := r.text[:min(r.at, len(r.text))]
	line := 1 + bytes.Count(read, []byte("\n"))
	column := len(read) - 1 - bytes.LastIndexByte(read, '\n')
	message = fmt.Sprintf("%s at line %d column %d", message, line, column)
	return &refusal{code: malformed, message: message}
}

// next is a mistake that ends with the next byte.
func (r *reader) next(message string) *refusal {
	r.at++
	return r.here(message)
}

// space goes on to the next byte that is no white space; 0 at the end.
func (r *reader) space() byte {
	for r.at < len(r.text) {
		switch b := r.text[r.at]; b {
		case ' ', '\n', '\t', '\r':
			r.at++
		default:
			return b
		}
	}
	return 0
}

func (r *reader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *reader) isEnd() bool { return r.at >= len(r.text) }

// open reads the beginning of the row's object.
func (r *reader) open() *refusal {
	b := r.space()
	if b == '{' {
		r.at++
		return nil
	}
	if b == '[' {
		return r.here("invalid type: sequence, expected a JSON object")
	}
	found, refused := r.scalar()
	if refused != nil {
		return refused
	}
	return r.here("invalid type: " + found.words() + ", expected a JSON object")
}

// end makes sure that nothing follows the row's object.
func (r *reader) end() *refusal {
	if r.space(); !r.isEnd() {
		return r.next("trailing characters")
	}
	return nil
}

// take goes on behind a text if it comes next.
func (r *reader) take(text string) bool {
	end := r.at + len(text)
	if end > len(r.text) || string(r.text[r.at:end]) != text {
		return false
	}
	r.at = end
	return true
}

// nextKey goes to the quote of the next field's key, if the object has one more.
func (r *reader) nextKey(first bool) (more bool, refused *refusal) {
	b := r.space()
	switch {
	case b == '}':
		r.at++
		return false, nil
	case r.isEnd():
		return false, r.next(eofObject)
	case !first && b != ',':
		return false, r.next("expected `,` or `}`")
	case !first:
		r.at++
		b = r.space()
	}
	switch {
	case b == '"':
		return true, nil
	case r.isEnd():
		return false, r.next(eofValue)
	case b == '}':
		return false, r.next("trailing comma")
	}
	return false, r.next("key must be a string")
}

func (r *reader) colon() *refusal {
	b := r.space()
	switch {
	case b == ':':
		r.at++
		return nil
	case r.isEnd():
		return r.next(eofObject)
	}
	return r.next("expected `:`")
}

// str reads a string behind its first quote. It is good until the next one is read.
func (r *reader) str() ([]byte, *refusal) {
	text := r.text[r.at:]
	for at, b := range text {
		if b == '"' {
			r.at += at + 1
			return text[:at], nil
		}
		if b == '\\' || b < ' ' {
			r.at += at
			r.scratch = append(r.scratch[:0], text[:at]...)
			return r.escaped()
		}
	}
	r.at = len(r.text)
	return nil, r.here(eofString)
}

// escaped reads the rest of a string that has escapes.
func (r *reader) escaped() ([]byte, *refusal) {
	for !r.isEnd() {
		b := r.text[r.at]
		r.at++
		switch {
		case b == '"':
			return r.scratch, nil
		case b < ' ':
			return nil, r.here(controlInString)
		case b != '\\':
			r.scratch = append(r.scratch, b)
			continue
		}
		if refused := r.escape(); refused != nil {
			return nil, refused
		}
	}
	return nil, r.here(eofString)
}

var escapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape reads what follows a backslash.
func (r *reader) escape() *refusal {
	if r.isEnd() {
		return r.here(eofString)
	}
	b := r.text[r.at]
	r.at++
	if plain := escapes[b]; plain != 0 {
		r.scratch = append(r.scratch, plain)
		return nil
	}
	if b != 'u' {
		return r.here(invalidEscape)
	}
	char, refused := r.hex()
	if refused != nil {
		return refused
	}
	if char >= 0xdc00 && char < 0xe000 {
		return r.here(loneSurrogate)
	}
	if char >= 0xd800 && char < 0xdc00 {
		if !bytes.HasPrefix(r.text[r.at:], []byte(`\u`)) {
			r.at = min(r.at+1, len(r.text))
			return r.here(endOfEscape)
		}
		r.at += 2
		second, refused := r.hex()
		if refused != nil {
			return refused
		}
		if second < 0xdc00 || second >= 0xe000 {
			return r.here(loneSurrogate)
		}
		char = utf16.DecodeRune(char, second)
	}
	r.scratch = utf8.AppendRune(r.scratch, char)
	return nil
}

func (r *reader) hex() (rune, *refusal) {
	if len(r.text)-r.at < 4 {
		r.at = len(r.text)
		return 0, r.here(eofString)
	}
	var char rune
	for _, b := range r.text[r.at : r.at+4] {
		digit := rune(bytes.IndexByte([]byte("0123456789abcdef"), b|0x20))
		if digit < 0 || b < '0' {
			return 0, r.here(invalidEscape)
		}
		char = char<<4 | digit
	}
	r.at += 4
	return char, nil
}

// number reads a number; it is whole if it has neither fraction nor exponent.
func (r *reader) number() (text []byte, whole bool, refused *refusal) {
	start := r.at
	if r.peek() == '-' {
		r.at++
	}
	b := r.peek()
	switch {
	case r.isEnd():
		return nil, false, r.here(eofValue)
	case b == '0':
		r.at++
		if isDigit(r.peek()) {
			return nil, false, r.next(invalidNumber)
		}
	case isDigit(b):
		r.digits()
	default:
		return nil, false, r.next(invalidNumber)
	}
	whole = true
	if r.peek() == '.' {
		whole = false
		r.at++
		if !isDigit(r.peek()) {
			if r.isEnd() {
				return nil, false, r.next(eofValue)
			}
			return nil, false, r.next(invalidNumber)
		}
		r.digits()
	}
	if b := r.peek(); b == 'e' || b == 'E' {
		whole = false
		r.at++
		if b := r.peek(); b == '+' || b == '-' {
			r.at++
		}
		if !isDigit(r.peek()) {
			if r.isEnd() {
				return nil, false, r.here(eofValue)
			}
			return nil, false, r.next(invalidNumber)
		}
		r.digits()
	}
	return r.text[start:r.at], whole, nil
}

func (r *reader) digits() {
	for r.at < len(r.text) && isDigit(r.text[r.at]) {
		r.at++
	}
}

func isDigit(b byte) bool { return b-'0' <= 9 }

// ident reads one of true, false and null, of which the first letter has been seen.
func (r *reader) ident(expected string) *refusal {
	for i := range len(expected) {
		if r.isEnd() {
			return r.here(eofValue)
		}
		b := r.text[r.at]
		r.at++
		if b != expected[i] {
			return r.here(expectedIdent)
		}
	}
	return nil
}

// skip reads a value that nobody wants to see, however deep.
func (r *reader) skip() *refusal {
	var open []byte
	for {
		b := r.space()
		var refused *refusal
		switch {
		case b == '{':
			r.at++
			more, refused := r.nextKey(true)
			if refused == nil && more {
				refused = r.skipKey()
				open = append(open, '}')
			}
			if refused != nil {
				return refused
			}
			if more {
				continue
			}
		case b == '[':
			r.at++
			if r.space() != ']' {
				open = append(open, ']')
				continue
			}
			r.at++
		default:
			_, refused = r.scalar()
		}
		if refused != nil {
			return refused
		}
		if open, refused = r.close(open); refused != nil || len(open) == 0 {
			return refused
		}
	}
}

// close goes on behind a value within lists and objects that are open, to the next value.
func (r *reader) close(open []byte) ([]byte, *refusal) {
	for len(open) > 0 {
		last := open[len(open)-1]
		if last == '}' {
			more, refused := r.nextKey(false)
			if refused == nil && more {
				refused = r.skipKey()
			}
			if refused != nil || more {
				return open, refused
			}
			open = open[:len(open)-1]
			continue
		}
		b := r.space()
		switch {
		case b == ',':
			r.at++
			if r.space() == ']' {
				return open, r.next("trailing comma")
			}
			return open, nil
		case b == ']':
			r.at++
			open = open[:len(open)-1]
		case r.isEnd():
			return open, r.next(eofList)
		default:
			return open, r.next("expected `,` or `]`")
		}
	}
	return open, nil
}

func (r *reader) skipKey() *refusal {
	r.at++
	if _, refused := r.str(); refused != nil {
		return refused
	}
	return r.colon()
}
