#include "millrace/schema.h"

#include "text_list.h"
#include "wide.h"

const millrace_field *millrace_find_field(millrace_schema schema, const char *name) {
    for (size_t at = 0; at < schema.count; at++) {
        if (strcmp(schema.fields[at].name, name) == 0) {
            return &schema.fields[at];
        }
    }
    return NULL;
}

const char *millrace_field_names(millrace_arena *arena, millrace_schema schema) {
    text_list names = { .arena = arena };
    for (size_t at = 0; at < schema.count; at++) {
        mr_text_list_add(&names, schema.fields[at].name);
    }
    return mr_text_list_joined(&names, ", ");
}

static const char *const NAMES[] = {
    [MILLRACE_BOOLEAN] = "Boolean",
    [MILLRACE_INT8] = "Int8",
    [MILLRACE_INT16] = "Int16",
    [MILLRACE_INT32] = "Int32",
    [MILLRACE_INT64] = "Int64",
    [MILLRACE_UINT8] = "UInt8",
    [MILLRACE_UINT16] = "UInt16",
    [MILLRACE_UINT32] = "UInt32",
    [MILLRACE_UINT64] = "UInt64",
    [MILLRACE_FLOAT32] = "Float32",
    [MILLRACE_FLOAT64] = "Float64",
    [MILLRACE_DECIMAL128] = "Decimal128",
    [MILLRACE_UTF8] = "Utf8",
    [MILLRACE_BINARY] = "Binary",
    [MILLRACE_FIXED_SIZE_BINARY] = "FixedSizeBinary",
    [MILLRACE_DATE32] = "Date32",
    [MILLRACE_TIME64] = "Time64(µs)",
    [MILLRACE_TIMESTAMP] = "Timestamp(µs)",
    [MILLRACE_DURATION] = "Duration(µs)",
    [MILLRACE_LIST] = "List",
    [MILLRACE_STRUCT] = "Struct",
    [MILLRACE_MAP] = "Map",
};

const char *mr_kind_name(millrace_kind kind) { return NAMES[kind]; }

layout mr_layout_of(millrace_kind kind) {
    switch (kind) {
    case MILLRACE_BOOLEAN:
        return LAYOUT_BITS;
    case MILLRACE_UTF8:
    case MILLRACE_BINARY:
        return LAYOUT_OFFSETS;
    case MILLRACE_LIST:
    case MILLRACE_MAP:
        return LAYOUT_LIST;
    case MILLRACE_STRUCT:
        return LAYOUT_STRUCT;
    case MILLRACE_INT8:
    case MILLRACE_INT16:
    case MILLRACE_INT32:
    case MILLRACE_INT64:
    case MILLRACE_UINT8:
    case MILLRACE_UINT16:
    case MILLRACE_UINT32:
    case MILLRACE_UINT64:
    case MILLRACE_FLOAT32:
    case MILLRACE_FLOAT64:
    case MILLRACE_DECIMAL128:
    case MILLRACE_FIXED_SIZE_BINARY:
    case MILLRACE_DATE32:
    case MILLRACE_TIME64:
    case MILLRACE_TIMESTAMP:
    case MILLRACE_DURATION:
        return LAYOUT_FIXED;
    }
    millrace_fail("there is no type of kind %d", (int)kind);
}

size_t mr_width_of(const millrace_type *type) {
    static const uint8_t widths[] = {
        [MILLRACE_INT8] = 1,    [MILLRACE_INT16] = 2,       [MILLRACE_INT32] = 4,
        [MILLRACE_INT64] = 8,   [MILLRACE_UINT8] = 1,       [MILLRACE_UINT16] = 2,
        [MILLRACE_UINT32] = 4,  [MILLRACE_UINT64] = 8,      [MILLRACE_FLOAT32] = 4,
        [MILLRACE_FLOAT64] = 8, [MILLRACE_DECIMAL128] = 16, [MILLRACE_DATE32] = 4,
        [MILLRACE_TIME64] = 8,  [MILLRACE_TIMESTAMP] = 8,   [MILLRACE_DURATION] = 8,
        [MILLRACE_MAP] = 0,
    };
    return type->kind == MILLRACE_FIXED_SIZE_BINARY ? type->width : widths[type->kind];
}

const char *millrace_type_name(millrace_arena *arena, const millrace_type *type) {
    switch (type->kind) {
    case MILLRACE_DECIMAL128:
        return millrace_format(arena, "Decimal128(%u, %d)", type->precision, type->scale);
    case MILLRACE_FIXED_SIZE_BINARY:
        return millrace_format(arena, "FixedSizeBinary(%u)", (unsigned)type->width);
    case MILLRACE_TIMESTAMP:
        if (type->zone != NULL) {
            return millrace_format(arena, "Timestamp(µs, \"%s\")", type->zone);
        }
        break;
    default:
        break;
    }
    return NAMES[type->kind];
}

static bool same_zone(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool millrace_type_equal(const millrace_type *a, const millrace_type *b) {
    if (a->kind != b->kind || a->precision != b->precision || a->scale != b->scale
        || a->width != b->width || a->child_count != b->child_count
        || !same_zone(a->zone, b->zone)) {
        return false;
    }
    for (size_t at = 0; at < a->child_count; at++) {
        const millrace_field *x = &a->children[at];
        const millrace_field *y = &b->children[at];
        if (strcmp(x->name, y->name) != 0 || x->nullable != y->nullable
            || !millrace_type_equal(&x->type, &y->type)) {
            return false;
        }
    }
    return true;
}

bool millrace_is_number(const millrace_type *type) {
    return type->kind >= MILLRACE_INT8 && type->kind <= MILLRACE_DECIMAL128;
}
