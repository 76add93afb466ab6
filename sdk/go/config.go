package millrace

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"millrace/internal/json"
)

// Configure reads a configuration (JSON) into the exported fields of the struct that config points
// to, which keep what they had where the configuration says nothing.
//
// Keys are named as for encoding/json, by tags such as `json:"limit"`. A key without a field is a
// mistake, and so is a field without a key, unless its tag says `omitempty` or it is a pointer. A
// type with the method UnmarshalText reads its own texts, and one with UnmarshalJSON anything. All
// mistakes are returned at once, as ConfigErrors.
func Configure(source string, config any) error {
	value, err := json.Parse(source)
	if err != nil {
		return err
	}
	var mistakes ConfigErrors
	configure(value, reflect.ValueOf(config).Elem(), "", &mistakes)
	return mistakes.Err()
}

func configure(value json.Value, into reflect.Value, path string, mistakes *ConfigErrors) {
	wrong := func(expected string) {
		mistakes.Add(path, "invalid type: %s, expected %s", value.Words(), expected)
	}
	switch own := into.Addr().Interface().(type) {
	case interface{ UnmarshalJSON([]byte) error }:
		if err := own.UnmarshalJSON([]byte(value.Source)); err != nil {
			mistakes.Add(path, "%s", err)
		}
		return
	case encoding.TextUnmarshaler:
		if value.Kind != json.String {
			wrong("a string")
		} else if err := own.UnmarshalText([]byte(value.Text)); err != nil {
			mistakes.Add(path, "%s", err)
		}
		return
	}
	switch kind := into.Kind(); {
	case kind == reflect.Pointer && value.Kind == json.Null:
		into.SetZero()
	case kind == reflect.Pointer:
		item := reflect.New(into.Type().Elem())
		configure(value, item.Elem(), path, mistakes)
		into.Set(item)
	case kind == reflect.Struct && value.Kind == json.Object:
		configureStruct(value, into, path, mistakes)
	case kind == reflect.Slice && value.Kind == json.Array:
		into.Set(reflect.MakeSlice(into.Type(), len(value.Items), len(value.Items)))
		for i, item := range value.Items {
			configure(item, into.Index(i), fmt.Sprintf("%s[%d]", path, i), mistakes)
		}
	case kind == reflect.Slice && value.Kind == json.Object && isOrdered(into):
		into.Set(reflect.MakeSlice(into.Type(), len(value.Items), len(value.Items)))
		for i, item := range value.Items {
			into.Index(i).Field(0).SetString(value.Keys[i])
			configure(item, into.Index(i).Field(1), joined(path, value.Keys[i]), mistakes)
		}
	case kind == reflect.Map && value.Kind == json.Object:
		into.Set(reflect.MakeMap(into.Type()))
		for i, item := range value.Items {
			entry := reflect.New(into.Type().Elem()).Elem()
			configure(item, entry, joined(path, value.Keys[i]), mistakes)
			into.SetMapIndex(reflect.ValueOf(value.Keys[i]).Convert(into.Type().Key()), entry)
		}
	case kind == reflect.String && value.Kind == json.String:
		into.SetString(value.Text)
	case kind == reflect.Bool && value.Kind == json.Bool:
		into.SetBool(value.Source == "true")
	case kind == reflect.Interface && into.NumMethod() == 0:
		if value.Kind != json.Null {
			into.Set(reflect.ValueOf(value.Any()))
		}
	case value.Kind == json.Number:
		if expected := configureNumber(value.Source, into); expected != "" {
			found := "value"
			if strings.HasPrefix(value.Words(), "floating") || expected != into.Type().String() {
				found = "type"
			}
			mistakes.Add(path, "invalid %s: %s, expected %s", found, value.Words(), expected)
		}
	default:
		wrong(wanted(into.Type()))
	}
}

// Ordered is a table of the configuration in which the order of the keys matters, which a map would
// lose.
type Ordered[V any] []Entry[V]

// Entry is a key of a table, with its value.
type Entry[V any] struct {
	Key   string
	Value V
}

func (Ordered[V]) ordered() {}

func isOrdered(into reflect.Value) bool {
	_, ordered := into.Interface().(interface{ ordered() })
	return ordered
}

// configureNumber sets a number; if it does not fit, it returns what does.
func configureNumber(source string, into reflect.Value) (expected string) {
	bits := 0
	if into.CanInt() || into.CanUint() || into.CanFloat() {
		bits = into.Type().Bits()
	}
	fits := false
	switch {
	case into.CanInt():
		number, err := strconv.ParseInt(source, 10, bits)
		into.SetInt(number)
		fits = err == nil
	case into.CanUint():
		number, err := strconv.ParseUint(source, 10, bits)
		into.SetUint(number)
		fits = err == nil
	case into.CanFloat():
		number, err := strconv.ParseFloat(source, bits)
		into.SetFloat(number)
		fits = err == nil
	}
	if fits {
		return ""
	}
	return wanted(into.Type())
}

func configureStruct(value json.Value, into reflect.Value, path string, mistakes *ConfigErrors) {
	var names []string
	for _, field := range reflect.VisibleFields(into.Type()) {
		name, optional := keyOf(field)
		if name == "" {
			continue
		}
		names = append(names, name)
		if at := slices.Index(value.Keys, name); at >= 0 {
			place := into.FieldByIndex(field.Index)
			configure(value.Items[at], place, joined(path, name), mistakes)
		} else if !optional {
			mistakes.Add(path, "missing field `%s`", name)
		}
	}
	for _, name := range value.Keys {
		if !slices.Contains(names, name) {
			mistakes.Add(joined(path, name), "unknown field `%s`, %s", name, expected(names))
		}
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

// wanted says what belongs into a field.
func wanted(of reflect.Type) string {
	if of.Kind() == reflect.Slice && isOrdered(reflect.Zero(of)) {
		return "a map"
	}
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
