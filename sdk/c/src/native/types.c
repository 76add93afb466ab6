/* Types as golden cases write them. */

#include <stdlib.h>

#include "values.h"

typedef struct type_reader {
    millrace_arena *arena;
    const char *rest;
} type_reader;

static const char *take_word(type_reader *reader) {
    size_t length = 0;
    while (reader->rest[length] != '\0' && strchr("<>(),: []", reader->rest[length]) == NULL) {
        length++;
    }
    const char *word = millrace_copy(reader->arena, (millrace_text){ reader->rest, length });
    reader->rest += length;
    reader->rest += strspn(reader->rest, " ");
    return word;
}

static bool take_mark(type_reader *reader, char mark) {
    if (*reader->rest != mark) {
        return false;
    }
    reader->rest++;
    reader->rest += strspn(reader->rest, " ");
    return true;
}

static bool take_type(type_reader *reader, millrace_type *type);

/* Makes a type of these children. */
static bool nested(
    type_reader *reader, millrace_type *type, millrace_kind kind, const millrace_field *children,
    size_t count
) {
    millrace_field *copy = MILLRACE_ARRAY(reader->arena, millrace_field, count);
    memcpy(copy, children, count * sizeof *copy);
    *type = (millrace_type){ .kind = kind, .children = copy, .child_count = count };
    return true;
}

#define STRUCT_FIELDS_MAX 64

static bool take_struct(type_reader *reader, millrace_type *type) {
    millrace_field fields[STRUCT_FIELDS_MAX];
    size_t count = 0;
    if (!take_mark(reader, '<')) {
        return false;
    }
    do {
        if (count == STRUCT_FIELDS_MAX) {
            return false;
        }
        fields[count] = (millrace_field){ .name = take_word(reader), .nullable = true };
        if (!take_mark(reader, ':') || !take_type(reader, &fields[count].type)) {
            return false;
        }
        count++;
    } while (take_mark(reader, ','));
    return take_mark(reader, '>') && nested(reader, type, MILLRACE_STRUCT, fields, count);
}

static bool take_map(type_reader *reader, millrace_type *type) {
    millrace_field pair[2] = { { .name = "key" }, { .name = "value", .nullable = true } };
    millrace_field entries = { .name = "entries" };
    return take_mark(reader, '<') && take_type(reader, &pair[0].type) && take_mark(reader, ',')
        && take_type(reader, &pair[1].type) && take_mark(reader, '>')
        && nested(reader, &entries.type, MILLRACE_STRUCT, pair, 2)
        && nested(reader, type, MILLRACE_MAP, &entries, 1);
}

static bool take_list(type_reader *reader, millrace_type *type) {
    millrace_field item = { .name = "item", .nullable = true };
    return take_mark(reader, '<') && take_type(reader, &item.type) && take_mark(reader, '>')
        && nested(reader, type, MILLRACE_LIST, &item, 1);
}

static bool take_decimal(type_reader *reader, millrace_type *type) {
    type->kind = MILLRACE_DECIMAL128;
    if (!take_mark(reader, '(')) {
        return false;
    }
    type->precision = (uint8_t)strtoul(take_word(reader), NULL, 10);
    if (!take_mark(reader, ',')) {
        return false;
    }
    type->scale = (int8_t)strtol(take_word(reader), NULL, 10);
    return take_mark(reader, ')');
}

static bool take_type(type_reader *reader, millrace_type *type) {
    static const struct {
        const char *name;
        millrace_kind kind;
    } names[] = {
        { "bool", MILLRACE_BOOLEAN },    { "boolean", MILLRACE_BOOLEAN },
        { "int8", MILLRACE_INT8 },       { "int16", MILLRACE_INT16 },
        { "int32", MILLRACE_INT32 },     { "int64", MILLRACE_INT64 },
        { "uint8", MILLRACE_UINT8 },     { "uint16", MILLRACE_UINT16 },
        { "uint32", MILLRACE_UINT32 },   { "uint64", MILLRACE_UINT64 },
        { "float32", MILLRACE_FLOAT32 }, { "float64", MILLRACE_FLOAT64 },
        { "string", MILLRACE_UTF8 },     { "binary", MILLRACE_BINARY },
        { "date", MILLRACE_DATE32 },     { "timestamp", MILLRACE_TIMESTAMP },
    };
    *type = (millrace_type){ 0 };
    const char *word = take_word(reader);
    if (strcmp(word, "decimal") == 0) {
        return take_decimal(reader, type);
    }
    if (strcmp(word, "list") == 0) {
        return take_list(reader, type);
    }
    if (strcmp(word, "struct") == 0) {
        return take_struct(reader, type);
    }
    if (strcmp(word, "map") == 0) {
        return take_map(reader, type);
    }
    for (size_t at = 0; at < sizeof names / sizeof names[0]; at++) {
        if (strcmp(names[at].name, word) == 0) {
            type->kind = names[at].kind;
            type->zone = type->kind == MILLRACE_TIMESTAMP ? "UTC" : NULL;
            return true;
        }
    }
    return false;
}

millrace_schema mr_schema_from_json(millrace_arena *arena, const char *text) {
    const millrace_json *json = mr_json_from(
        arena, "the schema", millrace_text_of(mr_with_quotes(arena, text))
    );
    millrace_field *fields = MILLRACE_ARRAY(arena, millrace_field, json->count);
    for (size_t at = 0; at < json->count; at++) {
        const char *type = json->items[at].text.bytes;
        type_reader reader = { arena, type == NULL ? "" : type };
        fields[at] = (millrace_field){ .name = json->items[at].name.bytes, .nullable = true };
        if (!take_type(&reader, &fields[at].type) || *reader.rest != '\0') {
            millrace_fail("column `%s` of the test has no type `%s`", fields[at].name, type);
        }
    }
    return (millrace_schema){ fields, json->count };
}
