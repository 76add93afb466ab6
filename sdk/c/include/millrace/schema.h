/* The types of columns. */
#ifndef MILLRACE_SCHEMA_H
#define MILLRACE_SCHEMA_H

#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a column holds. The comment says what one value is in C. */
typedef enum millrace_kind {
    MILLRACE_BOOLEAN = 0,            /* bool */
    MILLRACE_INT8 = 1,               /* int8_t */
    MILLRACE_INT16 = 2,              /* int16_t */
    MILLRACE_INT32 = 3,              /* int32_t */
    MILLRACE_INT64 = 4,              /* int64_t */
    MILLRACE_UINT8 = 5,              /* uint8_t */
    MILLRACE_UINT16 = 6,             /* uint16_t */
    MILLRACE_UINT32 = 7,             /* uint32_t */
    MILLRACE_UINT64 = 8,             /* uint64_t */
    MILLRACE_FLOAT32 = 9,            /* float */
    MILLRACE_FLOAT64 = 10,           /* double */
    MILLRACE_DECIMAL128 = 11,        /* millrace_int128: the number times 10 to the scale */
    MILLRACE_UTF8 = 12,              /* millrace_text */
    MILLRACE_BINARY = 13,            /* millrace_bytes */
    MILLRACE_FIXED_SIZE_BINARY = 14, /* millrace_bytes, all of one length */
    MILLRACE_DATE32 = 15,            /* int32_t: days since 1970-01-01 */
    MILLRACE_TIME64 = 16,            /* int64_t: microseconds since midnight */
    MILLRACE_TIMESTAMP = 17,         /* int64_t: microseconds since 1970-01-01T00:00:00 UTC */
    MILLRACE_DURATION = 18,          /* int64_t: microseconds */
    MILLRACE_LIST = 19,              /* any number of values of its one child */
    MILLRACE_STRUCT = 20,            /* one value of each child */
    MILLRACE_MAP = 21                /* any number of its one child: a struct of key and value */
} millrace_kind;

typedef struct millrace_field millrace_field;

/* A type. Members that its kind does not name are 0. */
typedef struct millrace_type {
    millrace_kind kind;
    uint8_t precision;              /* of a decimal: how many digits */
    int8_t scale;                   /* of a decimal: how many of them stand behind the point */
    uint32_t width;                 /* of a fixed-size binary: bytes of each value */
    const char *zone;               /* of a timestamp: "UTC" and the like; NULL for a local time */
    const millrace_field *children; /* of a list, struct or map */
    size_t child_count;
} millrace_type;

/* A column, or a child of one. */
struct millrace_field {
    const char *name;
    millrace_type type;
    bool nullable;
};

/* Columns in their order. */
typedef struct millrace_schema {
    const millrace_field *fields;
    size_t count;
} millrace_schema;

/* The field of this name, or NULL. */
const millrace_field *millrace_find_field(millrace_schema schema, const char *name);

/* The names of all fields, with a comma between them, for a message. */
const char *millrace_field_names(millrace_arena *arena, millrace_schema schema);

/* What a type is called in messages: Float64, Utf8, Decimal128(10, 2), ... */
const char *millrace_type_name(millrace_arena *arena, const millrace_type *type);

/* Whether two types are the same, children and their names included. */
bool millrace_type_equal(const millrace_type *a, const millrace_type *b);

/* Whether millrace_number_at reads a type: float32, float64, decimals and all integers. */
bool millrace_is_number(const millrace_type *type);

#ifdef __cplusplus
}
#endif
#endif
