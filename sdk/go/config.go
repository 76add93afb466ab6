package millrace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Configure reads a configuration (JSON) into the exported fields of the struct that config points
// to, which keep what they had where the configuration says nothing.
//
// Keys and values are those of encoding/json, but stricter: a key without a field is a mistake, and
// so is a field without a key, unless its tag says `omitempty` or it is a pointer. All mistakes are
// returned at once, as ConfigErrors.
func Configure(source string, config any) error {
	var mistakes ConfigErrors
	configure([]byte(source), reflect.ValueOf(config).Elem(), "", &mistakes)
	return mistakes.Err()
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

func configure(source []byte, into reflect.Value, path string, mistakes *ConfigErrors) {
	kind := into.Kind()
	null := string(bytes.TrimSpace(source)) == "null"
	switch {
	case reflect.PointerTo(into.Type()).Implements(unmarshaler):
		if err := json.Unmarshal(source, into.Addr().Interface()); err != nil {
			mistakes.Add(path, "%s", err)
		}
	case kind == reflect.Pointer && !null:
		value := reflect.New(into.Type().Elem())
		configure(source, value.Elem(), path, mistakes)
		into.Set(value)
	case kind == reflect.Struct:
		configureStruct(source, into, path, mistakes)
	case kind == reflect.Slice && into.Type().Elem().Kind() != reflect.Uint8 && !null:
		var items []json.RawMessage
		if decode(source, &items, "a sequence", path, mistakes) {
			into.Set(reflect.MakeSlice(into.Type(), len(items), len(items)))
			for i, item := range items {
				configure(item, into.Index(i), fmt.Sprintf("%s[%d]", path, i), mistakes)
			}
		}
	case kind == reflect.Map && into.Type().Key().Kind() == reflect.String && !null:
		configureMap(source, into, path, mistakes)
	default:
		if null && kind != reflect.Pointer && kind != reflect.Interface {
			mistakes.Add(path, "invalid type: null, expected %s", wanted(into.Type()))
			return
		}
		decode(source, into.Addr().Interface(), wanted(into.Type()), path, mistakes)
	}
}

func configureStruct(source []byte, into reflect.Value, path string, mistakes *ConfigErrors) {
	var values map[string]json.RawMessage
	if !decode(source, &values, "a map", path, mistakes) {
		return
	}
	var names []string
	for _, field := range reflect.VisibleFields(into.Type()) {
		name, optional := keyOf(field)
		if name == "" {
			continue
		}
		names = append(names, name)
		value, given := values[name]
		delete(values, name)
		switch {
		case given:
			configure(value, into.FieldByIndex(field.Index), joined(path, name), mistakes)
		case !optional:
			mistakes.Add(path, "missing field `%s`", name)
		}
	}
	unknown := make([]string, 0, len(values))
	for name := range values {
		unknown = append(unknown, name)
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		mistakes.Add(joined(path, name), "unknown field `%s`, %s", name, expected(names))
	}
}

func configureMap(source []byte, into reflect.Value, path string, mistakes *ConfigErrors) {
	var values map[string]json.RawMessage
	if !decode(source, &values, "a map", path, mistakes) {
		return
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	into.Set(reflect.MakeMap(into.Type()))
	for _, name := range names {
		value := reflect.New(into.Type().Elem()).Elem()
		configure(values[name], value, joined(path, name), mistakes)
		into.SetMapIndex(reflect.ValueOf(name).Convert(into.Type().Key()), value)
	}
}

// keyOf is the key of a field and whether it may be missing; the key is empty if it has none.
func keyOf(field reflect.StructField) (key string, optional bool) {
	name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
	if !field.IsExported() || name == "-" || field.Anonymous {
		return "", false
	}
	if name == "" {
		name = field.Name
	}
	optional = field.Type.Kind() == reflect.Pointer
	for option := range strings.SplitSeq(options, ",") {
		optional = optional || option == "omitempty" || option == "omitzero"
	}
	return name, optional
}

// decode reads one value; what it is not is noted in the words of the pipeline's author.
func decode(source []byte, into any, wanted, path string, mistakes *ConfigErrors) bool {
	err := json.Unmarshal(source, into)
	if err == nil {
		return true
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		kind := "type"
		if strings.HasPrefix(wrong.Value, "number ") {
			kind = "value"
		}
		mistakes.Add(path, "invalid %s: %s, expected %s", kind, sourceWords(source), wanted)
	} else {
		mistakes.Add(path, "%s", err)
	}
	return false
}

// sourceWords names a JSON value in a message.
func sourceWords(source []byte) string {
	text := string(bytes.TrimSpace(source))
	switch {
	case text == "":
		return "nothing"
	case text == "null":
		return "null"
	case text == "true" || text == "false":
		return "boolean `" + text + "`"
	case text[0] == '"':
		return "string " + text
	case text[0] == '[':
		return "sequence"
	case text[0] == '{':
		return "map"
	case strings.ContainsAny(text, ".eE"):
		return "floating point `" + text + "`"
	}
	return "integer `" + text + "`"
}

// wanted says what belongs into a field.
func wanted(of reflect.Type) string {
	switch of.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a sequence"
	case reflect.Map, reflect.Struct:
		return "a map"
	}
	return of.String()
}

func expected(names []string) string {
	switch len(names) {
	case 0:
		return "there are no fields"
	case 1:
		return "expected `" + names[0] + "`"
	}
	return "expected one of `" + strings.Join(names, "`, `") + "`"
}

func joined(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
