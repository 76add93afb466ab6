/* Columns on their way out: from whole arrays, or value by value. */
#ifndef MILLRACE_BUILD_H
#define MILLRACE_BUILD_H

#include "column.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A column of a type with a fixed size (see millrace_kind) from an array of its values, which is
 * not copied: it must live as long as the call, so take it from the call's arena. `valid` says
 * which rows have a value; NULL if all have. Booleans are an array of bool.
 */
millrace_column millrace_column_of(
    millrace_arena *arena, millrace_type type, const void *values, const bool *valid, size_t length
);

millrace_column millrace_column_of_bools(
    millrace_arena *arena, const bool *values, const bool *valid, size_t length
);
millrace_column millrace_column_of_int32s(
    millrace_arena *arena, const int32_t *values, const bool *valid, size_t length
);
millrace_column millrace_column_of_int64s(
    millrace_arena *arena, const int64_t *values, const bool *valid, size_t length
);
millrace_column millrace_column_of_uint64s(
    millrace_arena *arena, const uint64_t *values, const bool *valid, size_t length
);
millrace_column millrace_column_of_doubles(
    millrace_arena *arena, const double *values, const bool *valid, size_t length
);

/* A utf8 column. A text whose bytes are NULL is a null. */
millrace_column millrace_column_of_texts(
    millrace_arena *arena, const millrace_text *texts, size_t length
);

/* A binary column. Bytes that are NULL are a null. */
millrace_column millrace_column_of_bytes(
    millrace_arena *arena, const millrace_bytes *values, size_t length
);

/* A column of any type, nested ones included, that grows value by value. */
typedef struct millrace_builder millrace_builder;

/* A builder with room for `capacity` rows; it grows beyond it. */
millrace_builder *millrace_builder_new(
    millrace_arena *arena, const millrace_type *type, size_t capacity
);

/* The next row, of a column of a kind that holds such values. Integers that the kind can't hold
 * end in millrace_fail. */
void millrace_append_null(millrace_builder *builder);
void millrace_append_bool(millrace_builder *builder, bool value);
void millrace_append_int(millrace_builder *builder, int64_t value);
void millrace_append_uint(millrace_builder *builder, uint64_t value);
void millrace_append_double(millrace_builder *builder, double value);
#if defined(__GNUC__)
void millrace_append_decimal(millrace_builder *builder, millrace_int128 value);
#endif
void millrace_append_text(millrace_builder *builder, millrace_text value);
void millrace_append_string(millrace_builder *builder, const char *value);
void millrace_append_bytes(millrace_builder *builder, const void *bytes, size_t length);

/* The builder of a child. Of a map: child 0 is its struct, whose children are keys and values. */
millrace_builder *millrace_builder_child(millrace_builder *builder, size_t child);

/* Ends a row of a list or map: it holds what was appended to the child since the last row. */
void millrace_append_list(millrace_builder *builder);

/* Ends a row of a struct: its values are what was appended to each child. After
 * millrace_append_null nothing need be appended to the children. */
void millrace_append_struct(millrace_builder *builder);

/* A copy of a row of another column of the same type. */
void millrace_append_row(millrace_builder *builder, const millrace_column *column, size_t row);

/* The type that it was made for. */
const millrace_type *millrace_builder_type(const millrace_builder *builder);

/* How many rows there are. */
size_t millrace_builder_length(const millrace_builder *builder);

/* Forgets the rows from `length` on. */
void millrace_builder_truncate(millrace_builder *builder, size_t length);

/* All rows as a column. The builder is then of no use. */
millrace_column millrace_builder_finish(millrace_builder *builder);

#ifdef __cplusplus
}
#endif
#endif
