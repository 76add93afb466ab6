/* Columns on their way in: typed values by row. */
#ifndef MILLRACE_COLUMN_H
#define MILLRACE_COLUMN_H

#include "schema.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct millrace_column millrace_column;

/* A column, or a child of a nested one. It lives as long as the call. */
struct millrace_column {
    millrace_type type;
    size_t length;
    size_t null_count;
    const millrace_column *children; /* as many as type.child_count */
    /* The rest is for the functions of this header. */
    const uint8_t *validity_; /* one bit per row; NULL if no row is null */
    const int32_t *offsets_;  /* of text, bytes, lists and maps */
    const void *values_;
};

/* Rows on their way in: the columns that `start` asked for, in that order. */
typedef struct millrace_batch {
    uint32_t rows;
    const millrace_column *columns;
    size_t column_count;
    const char *const *names; /* of the columns */
    millrace_arena *arena;    /* memory for this call */
} millrace_batch;

/* The column of this name, or NULL. */
const millrace_column *millrace_find_column(const millrace_batch *batch, const char *name);

/* The column of this name. A plugin that asks for one that it does not read ends in
 * millrace_fail. */
const millrace_column *millrace_column_named(const millrace_batch *batch, const char *name);

/* Whether a row has a value. What stands in a row without one does not matter. */
static inline bool millrace_is_valid(const millrace_column *column, size_t row) {
    return column->validity_ == NULL || (column->validity_[row >> 3] >> (row & 7) & 1) != 0;
}

/* For loops without branches: whether each row has a value. NULL if no row is null. */
const bool *millrace_valid(millrace_arena *arena, const millrace_column *column);

/*
 * All values of a column of this very kind, one for each row. A plugin that asks for another kind
 * than the column's ends in millrace_fail, so check types in `start`.
 */
const int8_t *millrace_int8s(const millrace_column *column);
const int16_t *millrace_int16s(const millrace_column *column);
const int32_t *millrace_int32s(const millrace_column *column); /* date32 too */
const int64_t *millrace_int64s(const millrace_column *column); /* times and durations too */
const uint8_t *millrace_uint8s(const millrace_column *column);
const uint16_t *millrace_uint16s(const millrace_column *column);
const uint32_t *millrace_uint32s(const millrace_column *column);
const uint64_t *millrace_uint64s(const millrace_column *column);
const float *millrace_floats(const millrace_column *column);
const double *millrace_doubles(const millrace_column *column);
#if defined(__GNUC__)
const millrace_int128 *millrace_decimals(const millrace_column *column);
#endif
const bool *millrace_bools(millrace_arena *arena, const millrace_column *column);

/* A number column of any kind (see millrace_is_number) as doubles: without a copy if that is what
 * they are. A decimal is divided by its scale. */
const double *millrace_numbers(millrace_arena *arena, const millrace_column *column);

/* One number of such a column. */
double millrace_number_at(const millrace_column *column, size_t row);

/* One value of a boolean column. */
static inline bool millrace_bool_at(const millrace_column *column, size_t row) {
    return (((const uint8_t *)column->values_)[row >> 3] >> (row & 7) & 1) != 0;
}

/* One value of a utf8 column, without a copy. It is meaningless where the row is null. */
static inline millrace_text millrace_text_at(const millrace_column *column, size_t row) {
    millrace_text text = {
        (const char *)column->values_ + column->offsets_[row],
        (size_t)(column->offsets_[row + 1] - column->offsets_[row]),
    };
    return text;
}

/* One value of a binary column, of one of fixed size, or the bytes of a text. */
static inline millrace_bytes millrace_bytes_at(const millrace_column *column, size_t row) {
    millrace_bytes bytes;
    if (column->type.kind == MILLRACE_FIXED_SIZE_BINARY) {
        bytes.bytes = (const uint8_t *)column->values_ + row * column->type.width;
        bytes.length = column->type.width;
    } else {
        bytes.bytes = (const uint8_t *)column->values_ + column->offsets_[row];
        bytes.length = (size_t)(column->offsets_[row + 1] - column->offsets_[row]);
    }
    return bytes;
}

/* Rows of a child, from `first` to before `end`. */
typedef struct millrace_range {
    size_t first;
    size_t end;
} millrace_range;

/*
 * What a list or map holds in a row: these rows of its one child, `column->children`. The children
 * of a map's child are the keys and the values. A struct has its values in the same row of each of
 * its children. The range of a null is meaningless.
 */
static inline millrace_range millrace_list_at(const millrace_column *column, size_t row) {
    millrace_range range = { (size_t)column->offsets_[row], (size_t)column->offsets_[row + 1] };
    return range;
}

/* The child of a struct of this name, or NULL. */
const millrace_column *millrace_child_named(const millrace_column *column, const char *name);

#ifdef __cplusplus
}
#endif
#endif
