// Package json reads JSON into a tree. It is all that a configuration needs, and encoding/json
// would make each component two thirds larger.
package json

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is what a value is.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is a JSON value.
type Value struct {
	Kind Kind
	// Source is the value as it was written.
	Source string
	// Text is the content of a string.
	Text string
	// Items are those of an array, or the values of an object.
	Items []Value
	// Keys are those of an object, one for each item.
	Keys []string
}

// Parse reads a text that holds one value.
func Parse(text string) (Value, error) {
	p := parser{text: text}
	value, err := p.value(0)
	if err == nil && p.space() != 0 {
		err = fmt.Errorf("trailing characters at column %d", p.at+1)
	}
	return value, err
}

// depthMax keeps the stack small.
const depthMax = 128

type parser struct {
	text string
	at   int
}

func (p *parser) space() byte {
	for p.at < len(p.text) {
		if b := p.text[p.at]; b != ' ' && b != '\n' && b != '\t' && b != '\r' {
			return b
		}
		p.at++
	}
	return 0
}

func (p *parser) wrong(expected string) error {
	return fmt.Errorf("expected %s at column %d", expected, p.at+1)
}

func (p *parser) value(depth int) (value Value, err error) {
	if depth > depthMax {
		return value, p.wrong("fewer levels")
	}
	b := p.space()
	start := p.at
	switch {
	case b == '"':
		value.Kind = String
		value.Text, err = p.str()
	case b == '[' || b == '{':
		value, err = p.items(b, depth)
	case b == '-' || b >= '0' && b <= '9':
		value.Kind = Number
		for p.at < len(p.text) && strings.IndexByte("+-.eE0123456789", p.text[p.at]) >= 0 {
			p.at++
		}
		if _, err = strconv.ParseFloat(p.text[start:p.at], 64); err != nil {
			err = p.wrong("a number")
		}
	case strings.HasPrefix(p.text[p.at:], "true"):
		value.Kind = Bool
		p.at += len("true")
	case strings.HasPrefix(p.text[p.at:], "false"):
		value.Kind = Bool
		p.at += len("false")
	case strings.HasPrefix(p.text[p.at:], "null"):
		p.at += len("null")
	default:
		err = p.wrong("a value")
	}
	value.Source = p.text[start:p.at]
	return value, err
}

// items reads an array or an object.
func (p *parser) items(open byte, depth int) (value Value, err error) {
	value.Kind = Array
	end := byte(']')
	if open == '{' {
		value.Kind, end = Object, '}'
	}
	p.at++
	if p.space() == end {
		p.at++
		return value, nil
	}
	for {
		if value.Kind == Object {
			if p.space() != '"' {
				return value, p.wrong("a key")
			}
			key, err := p.str()
			if err != nil {
				return value, err
			}
			if p.space() != ':' {
				return value, p.wrong("`:`")
			}
			p.at++
			value.Keys = append(value.Keys, key)
		}
		item, err := p.value(depth + 1)
		if err != nil {
			return value, err
		}
		value.Items = append(value.Items, item)
		switch p.space() {
		case ',':
			p.at++
		case end:
			p.at++
			return value, nil
		default:
			return value, p.wrong("`,`")
		}
	}
}

func (p *parser) str() (string, error) {
	var out []byte
	p.at++
	for p.at < len(p.text) {
		b := p.text[p.at]
		p.at++
		switch {
		case b == '"':
			return string(out), nil
		case b < ' ':
			return "", p.wrong("no control character")
		case b != '\\':
			out = append(out, b)
			continue
		}
		char, err := p.escape()
		if err != nil {
			return "", err
		}
		if utf16.IsSurrogate(char) {
			second := rune(utf8.RuneError)
			if strings.HasPrefix(p.text[p.at:], `\u`) {
				p.at++
				if second, err = p.escape(); err != nil {
					return "", err
				}
			}
			char = utf16.DecodeRune(char, second)
		}
		out = utf8.AppendRune(out, char)
	}
	return "", p.wrong("the end of a text")
}

// escape reads what follows a backslash.
func (p *parser) escape() (rune, error) {
	if p.at >= len(p.text) {
		return 0, p.wrong("an escape")
	}
	b := p.text[p.at]
	p.at++
	if at := strings.IndexByte(`"\/bfnrt`, b); at >= 0 {
		return rune("\"\\/\b\f\n\r\t"[at]), nil
	}
	if b != 'u' || len(p.text)-p.at < 4 {
		return 0, p.wrong("an escape")
	}
	char, err := strconv.ParseUint(p.text[p.at:p.at+4], 16, 16)
	p.at += 4
	if err != nil {
		return 0, p.wrong("an escape")
	}
	return rune(char), nil
}

// Words names the value in a message.
func (v Value) Words() string {
	switch v.Kind {
	case Bool:
		return "boolean `" + v.Source + "`"
	case String:
		return "string " + strconv.Quote(v.Text)
	case Array:
		return "sequence"
	case Object:
		return "map"
	case Number:
		if strings.ContainsAny(v.Source, ".eE") {
			return "floating point `" + v.Source + "`"
		}
		return "integer `" + v.Source + "`"
	}
	return "null"
}

// Any is the value as encoding/json would give it for an `any`.
func (v Value) Any() any {
	switch v.Kind {
	case Bool:
		return v.Source == "true"
	case String:
		return v.Text
	case Number:
		number, _ := strconv.ParseFloat(v.Source, 64)
		return number
	case Array:
		items := make([]any, len(v.Items))
		for i, item := range v.Items {
			items[i] = item.Any()
		}
		return items
	case Object:
		items := make(map[string]any, len(v.Items))
		for i, item := range v.Items {
			items[v.Keys[i]] = item.Any()
		}
		return items
	}
	return nil
}
