/* Types and values as golden cases write them. */
#ifndef MILLRACE_SRC_NATIVE_VALUES_H
#define MILLRACE_SRC_NATIVE_VALUES_H

#include "millrace/build.h"
#include "millrace/codec.h"
#include "millrace/json.h"

/* A text in which " stands where ' does, unless it has a " itself. */
const char *mr_with_quotes(millrace_arena *arena, const char *text);

/* JSON of the test's author; ends the program if it is none. */
const millrace_json *mr_json_from(millrace_arena *arena, const char *what, millrace_text text);

/* The columns of a schema; ends the program if it is none. */
millrace_schema mr_schema_from_json(millrace_arena *arena, const char *text);

/* Appends a value; ends the program if it is of another type. */
void mr_append_json(millrace_builder *builder, const millrace_json *json);

/* Writes a value as JSON. */
void mr_write_value(millrace_writer *writer, const millrace_column *column, size_t row);

/* Writes a text as JSON. */
void mr_write_quoted(millrace_writer *writer, millrace_text text);

/* Writes a text as it is. */
void mr_write_plain(millrace_writer *writer, const char *text);

#endif
