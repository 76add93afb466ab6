/* The step's configuration, and the types that a schema may name. */

#include <stdlib.h>

#include "table.h"

/* Known types, as an error shows them. */
#define TYPES                                                                                      \
    "string, bool, int32, int64, float64, decimal(p,s), date, timestamp, timestamp[s], "           \
    "timestamp[ms], timestamp[us] and json, each with `?` where it may be missing"

static const struct {
    const char *name;
    kind kind;
    millrace_kind type;
    int64_t unit_us;
} types[] = {
    { "string", KIND_TEXT, MILLRACE_UTF8, 0 },
    { "bool", KIND_BOOL, MILLRACE_BOOLEAN, 0 },
    { "int32", KIND_INT32, MILLRACE_INT32, 0 },
    { "int64", KIND_INT64, MILLRACE_INT64, 0 },
    { "float64", KIND_FLOAT64, MILLRACE_FLOAT64, 0 },
    { "date", KIND_DATE, MILLRACE_DATE32, 0 },
    { "timestamp", KIND_TIMESTAMP, MILLRACE_TIMESTAMP, 0 },
    { "timestamp[s]", KIND_EPOCH, MILLRACE_TIMESTAMP, 1000000 },
    { "timestamp[ms]", KIND_EPOCH, MILLRACE_TIMESTAMP, 1000 },
    { "timestamp[us]", KIND_EPOCH, MILLRACE_TIMESTAMP, 1 },
    { "json", KIND_JSON, MILLRACE_UTF8, 0 },
};

/* A number of up to three digits with spaces around it, and what is behind it. */
static bool take_small(const char **text, unsigned *number) {
    const char *at = *text + strspn(*text, " ");
    size_t digits = strspn(at, "0123456789");
    if (digits == 0 || digits > 3) {
        return false;
    }
    *number = (unsigned)strtoul(at, NULL, 10);
    *text = at + digits + strspn(at + digits, " ");
    return true;
}

/* `decimal(p,s)`, less what is before the first number. */
static bool take_decimal(const char *size, declared *declared) {
    unsigned precision = 0;
    unsigned scale = 0;
    bool right = take_small(&size, &precision) && *size++ == ',' && take_small(&size, &scale)
        && strcmp(size, ")") == 0 && precision >= 1 && precision <= 38 && scale <= precision;
    declared->kind = KIND_DECIMAL;
    declared->type = (millrace_type
    ){ .kind = MILLRACE_DECIMAL128, .precision = (uint8_t)precision, .scale = (int8_t)scale };
    return right;
}

static void take_type(millrace_start *start, const char *text, declared *declared) {
    size_t length = strlen(text);
    declared->nullable = length > 0 && text[length - 1] == '?';
    millrace_text name = { text, declared->nullable ? length - 1 : length };
    for (size_t at = 0; at < sizeof types / sizeof types[0]; at++) {
        if (millrace_text_is(name, types[at].name)) {
            declared->kind = types[at].kind;
            declared->unit_us = types[at].unit_us;
            declared->type = (millrace_type){ .kind = types[at].type };
            if (types[at].type == MILLRACE_TIMESTAMP) {
                declared->type.zone = "UTC";
            }
            return;
        }
    }
    const char *path = millrace_format(start->arena, "schema.%s", declared->name);
    const char *kind = millrace_copy(start->arena, name);
    if (strncmp(kind, "decimal(", 8) != 0 || kind[name.length - 1] != ')') {
        millrace_config_error(start, path, "`%s` is no type; the types are " TYPES, kind);
    } else if (!take_decimal(kind + 8, declared)) {
        millrace_config_error(
            start, path,
            "`%s` is no type; write decimal(p,s) with 1 to 38 digits, s of them after the point",
            kind
        );
    }
}

/* For sorting: qsort hands over nothing else. */
typedef struct named {
    const char *name;
    uint32_t at;
} named;

static int by_name(const void *a, const void *b) {
    const char *left = ((const named *)a)->name;
    const char *right = ((const named *)b)->name;
    return millrace_text_compare(millrace_text_of(left), millrace_text_of(right));
}

static void sort_names(settings *settings, millrace_arena *arena) {
    named *names = MILLRACE_ARRAY(arena, named, settings->count);
    settings->by_name = MILLRACE_ARRAY(arena, uint32_t, settings->count);
    for (size_t at = 0; at < settings->count; at++) {
        names[at] = (named){ settings->declared[at].name, (uint32_t)at };
    }
    qsort(names, settings->count, sizeof(named), by_name);
    for (size_t at = 0; at < settings->count; at++) {
        settings->by_name[at] = names[at].at;
    }
}

static void take_schema(settings *settings, millrace_config *config, millrace_start *start) {
    millrace_config schema;
    if (!millrace_config_object(config, "schema", MILLRACE_REQUIRED, &schema)) {
        return;
    }
    if (schema.object->count == 0) {
        millrace_config_error(
            start, "schema", "no column is declared; give at least one, as `name = \"type\"`"
        );
    }
    settings->count = schema.object->count;
    settings->declared = millrace_alloc_zeroed(start->arena, settings->count, sizeof(declared));
    for (size_t at = 0; at < settings->count; at++) {
        declared *declared = &settings->declared[at];
        const char *type = NULL;
        declared->name = schema.object->items[at].name.bytes;
        declared->name_length = strlen(declared->name);
        if (millrace_config_string(&schema, declared->name, MILLRACE_REQUIRED, &type)) {
            take_type(start, type, declared);
        }
    }
    millrace_config_end(&schema);
    sort_names(settings, start->arena);
}

static void check_raw(const settings *settings, millrace_start *start) {
    const millrace_field *field = millrace_find_field(start->input, settings->column);
    if (field == NULL) {
        millrace_config_error(
            start, "column", "the input has no column `%s`; it has %s", settings->column,
            millrace_field_names(start->arena, start->input)
        );
    } else if (field->type.kind != MILLRACE_BINARY && field->type.kind != MILLRACE_UTF8) {
        millrace_config_error(
            start, "column", "`%s` has type %s; it must be binary or utf8", settings->column,
            millrace_type_name(start->arena, &field->type)
        );
    }
}

void settings_configure(settings *settings, millrace_start *start) {
    static const char *const unknown[] = { "ignore", "reject", NULL };
    millrace_config config = millrace_config_root(start);
    bool keep_raw = false;
    size_t choice = 0;
    settings->column = "value";
    millrace_config_string(&config, "column", MILLRACE_OPTIONAL, &settings->column);
    take_schema(settings, &config, start);
    millrace_config_bool(&config, "keep_raw", MILLRACE_OPTIONAL, &keep_raw);
    millrace_config_choice(&config, "unknown_fields", MILLRACE_OPTIONAL, unknown, &choice);
    millrace_config_end(&config);
    settings->reject_unknown = choice == 1;

    bool replaced = false;
    millrace_field *fields = MILLRACE_ARRAY(start->arena, millrace_field, settings->count);
    for (size_t at = 0; at < settings->count; at++) {
        const declared *declared = &settings->declared[at];
        replaced = replaced || strcmp(declared->name, settings->column) == 0;
        fields[at] = (millrace_field
        ){ .name = declared->name, .type = declared->type, .nullable = declared->nullable };
    }
    if (keep_raw && replaced) {
        millrace_config_error(
            start, millrace_format(start->arena, "schema.%s", settings->column),
            "`%s` is also the raw column; rename the field's column or drop `keep_raw`",
            settings->column
        );
    }
    check_raw(settings, start);
    millrace_reads(start, settings->column);
    millrace_port(start, "main", fields, settings->count);
    if (!keep_raw && !replaced) {
        millrace_port_drops(start, "main", settings->column);
    }
}
