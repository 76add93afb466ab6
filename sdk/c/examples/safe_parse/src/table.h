/* The columns of a batch, filled by walking the fields of one JSON object per row. */
#ifndef TABLE_H
#define TABLE_H

#include <millrace/transform.h>

#include "problem.h"

/* What a column holds, and how JSON writes it. */
typedef enum kind {
    KIND_TEXT,
    KIND_BOOL,
    KIND_INT32,
    KIND_INT64,
    KIND_FLOAT64,
    KIND_DECIMAL,
    KIND_DATE,
    KIND_TIMESTAMP, /* RFC 3339 text */
    KIND_EPOCH,     /* a number since 1970-01-01T00:00:00Z */
    KIND_JSON
} kind;

/* One column to make. */
typedef struct declared {
    const char *name;
    size_t name_length;
    kind kind;
    bool nullable;
    millrace_type type;
    int64_t unit_us; /* of KIND_EPOCH: what one is worth */
} declared;

/* All columns, with what is to become of fields that they lack. */
typedef struct settings {
    const char *column; /* the raw column */
    declared *declared;
    size_t count;
    uint32_t *by_name; /* places in `declared`, in the order of the names */
    bool reject_unknown;
} settings;

/* Reads the configuration; mistakes are noted. */
void settings_configure(settings *settings, millrace_start *start);

/* All columns while they grow. Between two rows, every column has `rows` values. */
typedef struct table {
    const settings *settings;
    millrace_arena *arena;
    millrace_builder **columns;
    size_t rows;
    millrace_scanner scanner;
} table;

table table_new(const settings *settings, millrace_arena *arena, size_t capacity);

/* Adds the row that `text` holds; or nothing, and says why. */
bool table_push(table *table, millrace_text text, problem *problem);

/*
 * Reads one JSON value of the scanner into a column; or says why it does not fit. If it is not JSON,
 * the scanner says why.
 */
bool value_push(table *table, const declared *declared, millrace_builder *column, problem *problem);

/* What was found where something else was expected, in the words of serde_json. */
const char *found_text(table *table, millrace_json_kind kind);

#endif
