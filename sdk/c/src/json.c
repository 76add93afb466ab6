/* JSON as a tree. */

#include "arena.h"
#include "scanner.h"

static bool parse_value(millrace_scanner *scanner, millrace_json *value, int depth);

static millrace_text kept(millrace_scanner *scanner, millrace_text text) {
    return (millrace_text){ millrace_copy(scanner->arena_, text), text.length };
}

static bool parse_items(millrace_scanner *scanner, millrace_json *value, int depth) {
    if (depth == MILLRACE_JSON_DEPTH_MAX) {
        return mr_wrong_next(scanner, "recursion limit exceeded");
    }
    bool object = value->kind == MILLRACE_JSON_OBJECT;
    millrace_json *items = NULL;
    size_t capacity = 0;
    scanner->at_++;
    for (;;) {
        bool more = true;
        millrace_text name = { "", 0 };
        bool first = value->count == 0;
        if (object ? !millrace_scan_name(scanner, first, &name, &more)
                   : !millrace_scan_item(scanner, first, &more)) {
            return false;
        }
        if (!more) {
            value->items = items;
            return true;
        }
        name = kept(scanner, name);
        if (object && !millrace_scan_colon(scanner)) {
            return false;
        }
        if (value->count == capacity) {
            size_t grown = capacity == 0 ? 8 : capacity * 2;
            size_t size = sizeof *items;
            items = mr_arena_grow(scanner->arena_, items, capacity * size, grown * size);
            capacity = grown;
        }
        millrace_json *item = &items[value->count++];
        *item = (millrace_json){ .name = name };
        if (!parse_value(scanner, item, depth + 1)) {
            return false;
        }
    }
}

static bool parse_value(millrace_scanner *scanner, millrace_json *value, int depth) {
    millrace_number number;
    if (!millrace_scan_kind(scanner, &value->kind)) {
        return false;
    }
    switch (value->kind) {
    case MILLRACE_JSON_NULL:
        return millrace_scan_null(scanner);
    case MILLRACE_JSON_BOOLEAN:
        return millrace_scan_bool(scanner, &value->boolean);
    case MILLRACE_JSON_NUMBER:
        if (!millrace_scan_number(scanner, &number)) {
            return false;
        }
        value->text = kept(scanner, number.source);
        return true;
    case MILLRACE_JSON_TEXT:
        if (!millrace_scan_text(scanner, &value->text)) {
            return false;
        }
        value->text = kept(scanner, value->text);
        return true;
    case MILLRACE_JSON_LIST:
    case MILLRACE_JSON_OBJECT:
        return parse_items(scanner, value, depth);
    }
    return false;
}

const millrace_json *millrace_json_parse(
    millrace_arena *arena, millrace_text text, const char **error
) {
    millrace_scanner scanner;
    millrace_scan(&scanner, arena, text);
    millrace_json *value = MILLRACE_NEW(arena, millrace_json);
    if (!parse_value(&scanner, value, 0) || !millrace_scan_end(&scanner)) {
        *error = millrace_scan_error(&scanner, arena);
        return NULL;
    }
    return value;
}

const millrace_json *millrace_json_member(const millrace_json *object, const char *name) {
    for (size_t at = object->kind == MILLRACE_JSON_OBJECT ? object->count : 0; at > 0; at--) {
        if (millrace_text_is(object->items[at - 1].name, name)) {
            return &object->items[at - 1];
        }
    }
    return NULL;
}

static bool read_number(const millrace_json *json, millrace_number *number) {
    if (json->kind != MILLRACE_JSON_NUMBER) {
        return false;
    }
    millrace_scanner scanner;
    millrace_scan(&scanner, NULL, json->text);
    return millrace_scan_number(&scanner, number);
}

bool millrace_json_int64(const millrace_json *json, int64_t *value) {
    millrace_number number;
    if (!read_number(json, &number)) {
        return false;
    }
    if (number.kind == MILLRACE_NUMBER_UINT && number.uint_value <= (uint64_t)INT64_MAX) {
        *value = (int64_t)number.uint_value;
        return true;
    }
    *value = number.int_value;
    return number.kind == MILLRACE_NUMBER_INT;
}

bool millrace_json_uint64(const millrace_json *json, uint64_t *value) {
    millrace_number number;
    if (!read_number(json, &number) || number.kind != MILLRACE_NUMBER_UINT) {
        return false;
    }
    *value = number.uint_value;
    return true;
}

bool millrace_json_double(const millrace_json *json, double *value) {
    millrace_number number;
    if (!read_number(json, &number)) {
        return false;
    }
    switch (number.kind) {
    case MILLRACE_NUMBER_UINT:
        *value = (double)number.uint_value;
        break;
    case MILLRACE_NUMBER_INT:
        *value = (double)number.int_value;
        break;
    case MILLRACE_NUMBER_DOUBLE:
        *value = number.double_value;
        break;
    }
    return true;
}
